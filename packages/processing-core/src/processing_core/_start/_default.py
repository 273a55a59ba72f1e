"""The start method that processes use which do not name one."""

__all__ = ["force", "get"]


class _State:
    chosen: str | None = None


def get() -> str | None:
    """The name that was set, by the program or by the parent; ``None`` if none was."""
    return _State.chosen


def force(name: str | None) -> None:
    """Set the name, whether or not one was set before."""
    _State.chosen = name
