"""Python code in separate processes, through the API of `threading`."""

__all__: list[str] = []
