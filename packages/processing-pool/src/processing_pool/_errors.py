"""The errors of pools.

::

    ProcessError                 (processing_core)
    ├── WorkerDied               the process that ran the task died
    │   └── MemoryExceeded       the pool ended it, for it had more memory than it may
    ├── TaskTimeout              the task ran longer than it may (TimeoutError)
    ├── TaskCancelled            the task was cancelled
    ├── MaybeEncodingError       what a task got or gave could not be pickled or unpickled
    └── PoolBroken               no worker can be started

Each survives pickling with its attributes.
"""

from __future__ import annotations

import signal

from processing_core import ProcessError, TimeoutError
from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from processing_pool._messages import Death

__all__ = [
    "MaybeEncodingError",
    "MemoryExceeded",
    "PoolBroken",
    "TaskCancelled",
    "TaskTimeout",
    "WorkerDied",
    "ended",
    "ending",
]


class WorkerDied(ProcessError):
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
    :param seconds: What it was allowed.
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


class MaybeEncodingError(ProcessError):
    """An argument, function, result or exception could not be carried between the processes.

    :param exc: What pickling or unpickling raised, as text.
    :param value: What was to be carried, as far as it can be told.
    """

    def __init__(self, exc: object, value: object) -> None:
        self.exc: str = exc if isinstance(exc, str) else repr(exc)
        self.value: str = value if isinstance(value, str) else repr(value)
        super().__init__(self.exc, self.value)

    def __str__(self) -> str:
        return f"Error carrying {self.value}. Reason: {self.exc}"


class PoolBroken(ProcessError):
    """The pool runs no tasks any more: its initializer failed, or its workers die before their first task."""


def ended(task: str, death: Death) -> Exception:
    """The error of a task whose worker ended."""
    pid, exitcode, why = death
    match why:
        case ("timed out", seconds):
            return TaskTimeout(f"{task} ran longer than {seconds:g} s, and was stopped", task, seconds, pid)
        case ("too large", used, limit):
            what = f"had {used:,} bytes of resident memory, more than the {limit:,} it may, and was killed"
            return MemoryExceeded(f"{task}: its worker, process {pid}, {what}", task, pid, exitcode, used, limit)
        case ("cancelled",):
            return TaskCancelled(f"{task} was cancelled")
    hint = "; the system's out-of-memory killer was at work at that time" if why else ""
    return WorkerDied(f"{task}: its worker, process {pid}, {ending(exitcode)}{hint}", task, pid, exitcode)


def ending(exitcode: int | None) -> str:
    """How a process ended, in words."""
    if exitcode is None:
        return "ended in a way that nobody could see"
    if exitcode >= 0:
        return f"exited with code {exitcode}"
    try:
        return f"was killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"was killed by signal {-exitcode}"
