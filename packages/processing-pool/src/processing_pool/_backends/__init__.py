"""Pools whose tasks are run by something else than our processes: executors, and engines on several machines."""
