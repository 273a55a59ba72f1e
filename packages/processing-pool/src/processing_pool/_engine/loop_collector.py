"""Collecting in an event loop: without a thread, beside those that `collector` describes.

The loop is told of rows in the ring of results by its waiter (`processing_core._event_loop`). It receives and
dispatches what is there, if no thread leads; if one does, that thread dispatches the rows, and wakes the targets'
waiters. A leader that ends wakes a waiter of `Collector.waiters`, and the loop has an entry there, too.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import BUSY, LoopAlarm, LoopWatch, current_waiter, until
from processing_pool._engine.collector import Collector, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from processing_core.lowlevel import LoopWaiter, Observer
    from processing_pool._engine.task_channel import TaskChannel

__all__ = ["LoopCollector", "LoopCollectors"]


class LoopCollector:
    """Collects in one loop, as long as a task there awaits a result, or a result that the loop asked for is due."""

    def __init__(self, waiter: LoopWaiter, collector: Collector, observe: Callable[[Observer], int]) -> None:
        self._collector = collector
        self._rows = LoopWatch(waiter, observe, self._collect)
        self._alarm = LoopAlarm()  # what a leader wakes as it wakes a thread
        self._leader_ended = LoopWatch(waiter, self._alarm.observe, self._collect)
        self._targets: dict[Target, int] = {}

    def enter(self, target: Target) -> None:
        """Collect until ``target`` is ready."""
        self._targets[target] = self._targets.get(target, 0) + 1
        self._collect()

    def leave(self, target: Target) -> None:
        """Collect for it no more, because no task awaits it."""
        n = self._targets.pop(target, 0)
        if n > 1:
            self._targets[target] = n - 1
        self._stop_if_idle()

    def _stop_if_idle(self) -> None:
        if not self._targets:
            self._rows.stop()
            self._leader_ended.stop()
            self._collector.waiters.pop(self._alarm, None)

    def _collect(self) -> None:
        if not self._is_needed():
            return
        self._rows.again()  # before the look, so that no row comes unseen
        self._leader_ended.again()
        self._collector.waiters[self._alarm] = None  # before the try to lead, as `Collector` says
        try:
            collected = self._collector.collect_now()
        except BaseException:
            self._alarm.release()  # again, for the rows that are left
            raise
        if collected:
            self._collector.waiters.pop(self._alarm, None)  # the rows themselves tell this loop
            self._collector.promote_waiter()
        self._is_needed()

    def _is_needed(self) -> bool:
        for target in [each for each in self._targets if each.is_ready()]:
            del self._targets[target]
        self._stop_if_idle()
        return bool(self._targets)


class LoopCollectors:
    """Those of one pool, by the loops' waiters.

    :param channel: if an event loop cannot be told of its outcomes, the pool's background thread collects.
    :param look: has that thread look whether there is something to collect.
    """

    def __init__(self, collector: Collector, channel: TaskChannel, look: Callable[[], object]) -> None:
        self._collector = collector
        self._channel: Any = channel
        self._look = look
        self.held: list[Target] = []  # what tasks await and the background thread collects
        self._of_loops: WeakKeyDictionary[LoopWaiter, LoopCollector] = WeakKeyDictionary()

    def current(self) -> LoopCollector | None:
        """The running loop's, if loops can collect.

        :raises RuntimeError: if none runs.
        """
        if not hasattr(self._channel, "observe"):
            return None
        waiter = current_waiter()
        found = self._of_loops.get(waiter)
        if found is None:
            found = self._of_loops[waiter] = LoopCollector(waiter, self._collector, self._observe)
        return found

    def _observe(self, observer: Observer) -> int:
        return self._channel.observe(observer)  # type: ignore[no-any-return]

    async def wait(self, target: Target, timeout: float | None = None) -> bool:
        """Wait until ``target`` is ready, in a task: whether it is, in time."""
        if target.is_ready():
            return True
        alarm = LoopAlarm()
        collector = self.current()
        target.waiters.append(alarm)
        try:
            if collector is None:
                self.held.append(target)
                self._look()
            elif target.may_collect:
                collector.enter(target)
            result = await until(lambda: target.is_ready() or BUSY, alarm.observe, timeout, one=False)
            return result is True
        finally:
            target.waiters.remove(alarm)
            if collector is None:
                self.held.remove(target)
            else:
                collector.leave(target)
