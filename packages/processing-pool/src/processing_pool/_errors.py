"""The errors of pools.

::

    ProcessError                 (processing_core)
    ├── WorkerDied               the process that ran the task died
    │   └── MemoryExceeded       the pool ended it, for it had more memory than it may
    ├── TaskTimeout              the task ran longer than it may (TimeoutError)
    ├── TaskCancelled            the task was cancelled
    ├── MaybeEncodingError       what a task got or gave could not be pickled or unpickled (PicklingError)
    │   └── NotUnpicklableError  it could not be unpickled (UnpicklingError)
    └── PoolBroken               no worker can be started

WorkerDied, PoolBroken and NotUnpicklableError are concurrent.futures' BrokenExecutor too: there each of them is the
pool's end.  Each error survives pickling with its attributes.
"""

from __future__ import annotations

import _pickle as pickle
import sys

from processing_core import ProcessError, TimeoutError

__all__ = [
    "MaybeEncodingError",
    "MemoryExceeded",
    "NotUnpicklableError",
    "PoolBroken",
    "TaskCancelled",
    "TaskTimeout",
    "WorkerDied",
]


def join_concurrent_futures() -> None:
    """Make errors what programs written for :mod:`concurrent.futures` catch: those that derive from `_Broken`.

    That is its ``BrokenProcessPool`` where its process pool is loaded, or else ``BrokenExecutor``.  Neither is loaded
    for that: a program that catches one has loaded it.
    """
    base = sys.modules.get("concurrent.futures._base")
    process = sys.modules.get("concurrent.futures.process")
    broken = getattr(process, "BrokenProcessPool", None) or getattr(base, "BrokenExecutor", None)
    if broken is not None and broken not in _Broken.__bases__:
        _Broken.__bases__ = (ProcessError, broken)


class _Broken(ProcessError):
    """Errors that are a ``BrokenProcessPool`` in :mod:`concurrent.futures`; see `join_concurrent_futures`."""

    def __init__(self, *args: object) -> None:
        join_concurrent_futures()
        super().__init__(*args)


class WorkerDied(_Broken):
    """The worker that ran the task died before the task was done; other tasks are not concerned.

    The message says so if the system's out-of-memory killer was at work at that time.

    :param message: What happened.
    :param task: The task: the function's name and its arguments, shortened.
    :param pid: The dead process's id.
    :param exitcode: Its exit code, ``-N`` for signal ``N``; ``None`` if it is not known.
    """

    def __init__(
        self,
        message: str = "the worker died",
        task: str | None = None,
        pid: int | None = None,
        exitcode: int | None = None,
    ) -> None:
        super().__init__(message)
        self.task = task
        self.pid = pid
        self.exitcode = exitcode


class MemoryExceeded(WorkerDied):
    """The worker that ran the task had more resident memory than ``max_memory``, and was killed by the pool.

    :param used: The bytes that it had.
    :param limit: The bytes that it may have.
    """

    def __init__(
        self,
        message: str = "the worker had too much memory",
        task: str | None = None,
        pid: int | None = None,
        exitcode: int | None = None,
        used: int | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__(message, task, pid, exitcode)
        self.used = used
        self.limit = limit


class TaskTimeout(TimeoutError):
    """The task ran longer than its ``timeout``, and was stopped.

    :param message: What happened.
    :param task: The task: the function's name and its arguments, shortened.
    :param seconds: The time that the task was allowed.
    :param pid: The id of the process that ran it.
    """

    def __init__(
        self,
        message: str = "the task took too long",
        task: str | None = None,
        seconds: float | None = None,
        pid: int | None = None,
    ) -> None:
        super().__init__(message)
        self.task = task
        self.seconds = seconds
        self.pid = pid


class TaskCancelled(ProcessError):
    """The task was cancelled before it was done."""


class MaybeEncodingError(ProcessError, pickle.PicklingError):
    """An argument, function, result or exception could not be carried between the processes.

    :param exc: What pickling or unpickling raised, as text.
    :param value: The text of the object that could not be sent.
    """

    def __init__(self, exc: object, value: object) -> None:
        self.exc: str = exc if isinstance(exc, str) else repr(exc)
        self.value: str = value if isinstance(value, str) else repr(value)
        super().__init__(self.exc, self.value)

    def __str__(self) -> str:
        return f"Error carrying {self.value}. Reason: {self.exc}"


class NotUnpicklableError(MaybeEncodingError, _Broken, pickle.UnpicklingError):
    """An argument, function, result or exception arrived, and unpickling it raised something; other tasks go on."""


class PoolBroken(_Broken):
    """The pool runs no tasks any more: its initializer failed, its workers die before their first task, or were killed.

    What the worker itself raised, if that is known, is the ``__cause__``.
    """
