"""The start method of processes that do not name one."""

from processing_core._start._methods import DEFAULT, METHODS, check

__all__ = ["force", "get", "methods", "present", "set_usual_start_method"]


class _State:
    def __init__(self) -> None:
        self.chosen: str | None = None
        self.usual: str | None = None


_state = _State()


def get() -> str | None:
    """The name that was set, by the program or by the parent; ``None`` if none was."""
    return _state.chosen


def force(name: str | None) -> None:
    """Set the name, whether or not one was set before."""
    _state.chosen = name


def set_usual_start_method(name: str | None) -> None:
    """Set the name that is used until one is set; ``None`` for this platform's.

    :raises ValueError: if this platform has no such method.
    """
    _state.usual = None if name is None else check(name)


def present() -> str:
    """The name that a start uses now."""
    return _state.chosen or methods()[0]


def methods() -> list[str]:
    """The start methods of this platform, the one that is used until one is set first."""
    usual = _state.usual or DEFAULT
    return sorted(METHODS, key=lambda name: name != usual)
