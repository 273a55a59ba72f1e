"""Malformed bytes for processes that listen."""
