"""Synchronization between processes: `threading`'s primitives, for a family."""

__all__: list[str] = []
