"""State shared between processes: values, arrays, memory, and objects behind managers."""

__all__: list[str] = []
