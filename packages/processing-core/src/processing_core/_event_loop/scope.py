"""The body of an ``async with`` block that can be cancelled: as `asyncio.TaskGroup` does, or by trio's own scope."""

from __future__ import annotations

import sys

from processing_core._event_loop.current import in_trio
from processing_core.annotations import Any

__all__ = ["BodyScope"]


class BodyScope:
    """Cancels what the task that entered it does next, until it exits."""

    def __init__(self) -> None:
        self._cancelled = False
        self._scope: Any = None  # trio's
        self._task: Any = None  # asyncio's

    def enter(self) -> None:
        """In the task, at the beginning of the body."""
        if in_trio():
            self._scope = sys.modules["trio"].CancelScope()
            self._scope.__enter__()
        else:
            self._task = sys.modules["asyncio"].current_task()
            self._earlier = self._task.cancelling()

    def cancel(self) -> None:
        """Cancel the body, once."""
        if self._cancelled:
            return
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()
        else:
            self._task.cancel()

    def exit(self, error: BaseException | None) -> bool:
        """At the end of the body: whether the error that left it is this scope's own cancellation."""
        if self._scope is not None:
            return bool(self._scope.__exit__(type(error) if error else None, error, None)) and error is not None
        if not self._cancelled:
            return False
        left = self._task.uncancel()
        cancelled = isinstance(error, sys.modules["asyncio"].CancelledError)
        return cancelled and left <= self._earlier
