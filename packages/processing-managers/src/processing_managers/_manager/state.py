"""The state of a manager."""

from __future__ import annotations

from processing_core.annotations import ClassVar

__all__ = ["State"]


class State:
    """The state of a manager, in an object, as programs of ``multiprocessing`` read it and set it."""

    __slots__ = ("value",)

    INITIAL: ClassVar[int] = 0
    STARTED: ClassVar[int] = 1
    SHUTDOWN: ClassVar[int] = 2

    def __init__(self) -> None:
        self.value: int = State.INITIAL
