"""``_semlock``, an attribute of ``multiprocessing``'s locks and semaphores that programs read: ours have it, too."""

from __future__ import annotations

from processing_core import lowlevel
from processing_core.annotations import Any

__all__ = ["HasSemlock", "SemLockView"]

_HIGHEST = 0x7FFFFFFF


class SemLockView:
    """A lock, or a semaphore, as ``multiprocessing`` has it: a number of permits, one for a lock."""

    __slots__ = ("_primitive",)

    name = None  # it has none in the system

    def __init__(self, primitive: Any) -> None:
        self._primitive = primitive

    @property
    def kind(self) -> int:
        """0 for an `RLock`, 1 for all others."""
        return 0 if isinstance(self._primitive, lowlevel.RLock) else 1

    @property
    def maxvalue(self) -> int:
        """The most permits there can be."""
        if isinstance(self._primitive, (lowlevel.Lock, lowlevel.RLock)):
            return 1
        bound: int = getattr(self._primitive, "_maximum", _HIGHEST)
        return bound

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Acquire it."""
        acquired: bool = self._primitive.acquire(block, timeout)
        return acquired

    def release(self) -> None:
        """Release it."""
        self._primitive.release()

    def _get_value(self) -> int:
        """How many permits are free."""
        read = getattr(self._primitive, "get_value", None)
        return int(not self._primitive.locked()) if read is None else read()

    def _is_zero(self) -> bool:
        """Whether no permit is free."""
        return self._get_value() == 0

    def _count(self) -> int:
        """How often this thread holds it, if it is a lock."""
        if not hasattr(self._primitive, "_holder"):
            return 0
        _, _, what, depth = self._primitive._holder()
        return max(depth, 1) if what == "mine" else 0

    def _is_mine(self) -> bool:
        """Whether this thread holds it, if it is a lock."""
        return self._count() > 0


class HasSemlock:
    """The mixin of what has one."""

    __slots__ = ()

    @property
    def _semlock(self) -> SemLockView:
        return SemLockView(self)
