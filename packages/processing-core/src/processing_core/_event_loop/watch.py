"""Being told in an event loop without a task that waits: functions that the loop calls, and alarms from any thread."""

from __future__ import annotations

from collections.abc import Callable

from processing_core._event_loop.current import current_waiter
from processing_core._event_loop.waiter import LoopWaiter, Wait
from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from processing_core._kernel import Observer

__all__ = ["LoopAlarm", "LoopWatch"]


class LoopWatch:
    """Calls a function in the running loop whenever something has changed.

    :param waiter: the loop's.
    :param observe: registers an observer for the change; returns its key.
    :param changed: is called after each, once for several; also if another process has died.
    """

    def __init__(self, waiter: LoopWaiter, observe: Callable[[Observer], int], changed: Callable[[], object]) -> None:
        self._waiter = waiter
        self._observe = observe
        self._wait = Wait(one=False)
        self._wait.wake = changed
        self._key: int | None = None

    def again(self) -> None:
        """Be told of the next change; to be called before the look that decides whether to go on waiting."""
        key = self._observe(self._waiter.observer)
        if self._key is None:
            self._key = key
            self._waiter.add(key, self._wait)

    def stop(self) -> None:
        """Call the function no more; a second call does nothing."""
        key, self._key = self._key, None
        if key is not None:
            self._wait.told = False
            self._waiter.remove(key, self._wait)


class LoopAlarm:
    """Wakes tasks of the loop in which it was made, from any thread.

    :raises RuntimeError: if no loop runs.
    """

    def __init__(self) -> None:
        self._waiter = current_waiter()
        self._key = self._waiter.new_key()

    def release(self) -> None:
        """Wake those that await it by `until`, or watch by `LoopWatch`; a finalizer may call it."""
        self._waiter.tell(self._key)

    def observe(self, observer: Observer) -> int:
        """The key that is told; nothing needs to be registered."""
        return self._key
