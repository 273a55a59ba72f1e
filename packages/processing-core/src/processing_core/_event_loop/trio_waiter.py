"""Waiting in a run of trio."""

from __future__ import annotations

import trio

from processing_core._event_loop.waiter import LoopWaiter, Wait

__all__ = ["TrioWaiter", "waiter_of_run"]


class TrioWaiter(LoopWaiter):
    """The waiter of a run of trio, which a system task closes at its end."""

    async def sleep(self, wait: Wait, left: float | None) -> None:
        """Sleep until the wait is woken, or for ``left`` seconds."""
        task = trio.lowlevel.current_task()
        asleep = True

        def wake() -> None:
            nonlocal asleep
            if asleep:
                asleep = False
                trio.lowlevel.reschedule(task)

        def abort(_: object) -> trio.lowlevel.Abort:
            nonlocal asleep
            asleep = False
            return trio.lowlevel.Abort.SUCCEEDED

        with trio.CancelScope(deadline=float("inf") if left is None else trio.current_time() + left):
            wait.wake = wake
            await trio.lowlevel.wait_task_rescheduled(abort)
        # A cancellation that came between the waking and here must find nothing taken, as in asyncio.
        await trio.lowlevel.checkpoint_if_cancelled()

    async def run(self) -> None:
        """Look whenever there is something, until the run ends."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self.fileno())
                self.look()
        finally:
            trio.lowlevel.notify_closing(self.fileno())
            self.close()


_waiter: trio.lowlevel.RunVar[TrioWaiter] = trio.lowlevel.RunVar("processing's waiter")


def waiter_of_run() -> TrioWaiter:
    """The current run's."""
    try:
        return _waiter.get()
    except LookupError:
        waiter = TrioWaiter()
        _waiter.set(waiter)
        trio.lowlevel.spawn_system_task(waiter.run, name="processing's waiter")
        return waiter
