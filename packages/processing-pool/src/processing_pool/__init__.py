"""A pool of worker processes, and the results of its tasks."""

__all__: list[str] = []
