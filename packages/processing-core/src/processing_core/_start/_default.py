"""The start method that processes use which do not name one."""

__all__ = ["force", "get"]


class _State:
    def __init__(self) -> None:
        self.chosen: str | None = None


_state = _State()


def get() -> str | None:
    """The name that was set, by the program or by the parent; ``None`` if none was."""
    return _state.chosen


def force(name: str | None) -> None:
    """Set the name, whether or not one was set before."""
    _state.chosen = name
