"""The event loop that runs in this thread: asyncio's, uvloop's, or trio's, which are imported only if they run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from functools import partial
from types import FunctionType, MethodType

from processing_core._loaded import loaded
from processing_core.annotations import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from processing_core._event_loop.asyncio_waiter import AsyncioWaiter
    from processing_core._event_loop.trio_waiter import TrioWaiter

__all__ = ["checkpoint", "current_waiter", "has_loop", "in_trio", "is_coroutine_function", "start_task", "task_number"]


_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE


def in_trio() -> bool:
    """Whether the current task is trio's."""
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except (RuntimeError, AttributeError):
        return False
    return True


def current_waiter() -> AsyncioWaiter | TrioWaiter:
    """The waiter of the running loop.

    :raises RuntimeError: if none runs.
    """
    if in_trio():
        from processing_core._event_loop.trio_waiter import waiter_of_run

        return waiter_of_run()
    from processing_core._event_loop.asyncio_waiter import waiter_of_loop

    return waiter_of_loop()


def has_loop() -> bool:
    """Whether the calling code is run by an event loop."""
    asyncio = loaded("asyncio")
    return (asyncio is not None and asyncio._get_running_loop() is not None) or in_trio()


def is_coroutine_function(function: object) -> bool:
    """Whether it is an ``async def`` function, or a method or partial of one."""
    while isinstance(function, (partial, MethodType)):
        function = function.func if isinstance(function, partial) else function.__func__
    return isinstance(function, FunctionType) and bool(function.__code__.co_flags & _CO_COROUTINE)


async def checkpoint(done: bool) -> None:
    """In trio: be cancelled here, or let other tasks run, if the operation is ``done``; nothing in asyncio."""
    if in_trio():
        trio: Any = sys.modules["trio"]
        await (trio.lowlevel.cancel_shielded_checkpoint if done else trio.lowlevel.checkpoint_if_cancelled)()


_tasks: set[Any] = set()  # so that they are not collected while they run


def start_task(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine function in the running loop, beside the current task."""
    if in_trio():
        sys.modules["trio"].lowlevel.spawn_system_task(function)
        return
    task = sys.modules["asyncio"].create_task(function())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def task_number() -> int:
    """What tells the current task from the other tasks of this process: an odd number; 0 outside of tasks."""
    task: object = None
    if in_trio():
        task = sys.modules["trio"].lowlevel.current_task()
    elif (asyncio := loaded("asyncio")) is not None:
        try:
            task = asyncio.current_task()
        except RuntimeError:
            pass
    return 0 if task is None else id(task) | 1
