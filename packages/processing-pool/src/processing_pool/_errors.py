"""The errors of pools.

::

    ProcessError                 (processing_core)
    ├── WorkerDied               the process that ran the task died
    ├── MaybeEncodingError       what a task got or gave could not be pickled or unpickled
    └── PoolBroken               no worker can be started

Each survives pickling with its attributes.
"""

import signal

from processing_core import ProcessError

__all__ = ["MaybeEncodingError", "PoolBroken", "WorkerDied"]


class WorkerDied(ProcessError):
    """The worker that ran the task died before the task was done; other tasks are not concerned.

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


def death(task: str, pid: int | None, exitcode: int | None) -> WorkerDied:
    """The error of a task whose worker ended."""
    return WorkerDied(f"{task}: its worker, process {pid}, {ending(exitcode)}", task, pid, exitcode)


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
