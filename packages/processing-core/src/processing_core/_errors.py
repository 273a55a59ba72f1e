"""The errors of the project.

::

    ProcessError (Exception)
    ├── HandleError (ValueError)           a handle that is stale, or of another family
    ├── OwnerDied                          the process that held it is dead
    ├── ForkError (RuntimeError)           a fork that did not go through Python
    ├── StateError (AssertionError,        the caller: the wrong moment, or the wrong process
    │   RuntimeError)
    ├── NotHeldError (AssertionError,      the caller: releases what it does not hold
    │   RuntimeError, ValueError)
    ├── NotPicklableError (PicklingError,  the caller: sends an object that cannot be pickled
    │   TypeError, AttributeError)
    ├── ClosedError (ValueError, OSError)  the caller: has closed the object
    ├── TimeoutError (TimeoutError)        the time was up
    ├── RemoteException                replaces an exception of another process that cannot be pickled
    ├── BufferTooShort                     a message larger than the buffer given for it
    └── AuthenticationError                the other side does not know the key
    RemoteTraceback (Exception)            only ever a __cause__: the traceback in another process

The builtin in parentheses is a base of the error, too. Every error survives pickling with its
attributes.
"""

from __future__ import annotations

import _pickle as pickle  # without pickle.py, whose import would take a tenth of this library's
import builtins
import sys
from collections.abc import Mapping

from processing_core.annotations import Self

__all__ = [
    "AuthenticationError",
    "BufferTooShort",
    "ClosedError",
    "ForkError",
    "HandleError",
    "NotHeldError",
    "NotPicklableError",
    "OwnerDied",
    "ProcessError",
    "RemoteException",
    "RemoteTraceback",
    "StateError",
    "TimeoutError",
]


class ProcessError(Exception):
    """The root of every error that this project raises on its own account."""


class HandleError(ProcessError, ValueError):
    """A handle names a cell that is gone, or that belongs to another family."""


class OwnerDied(ProcessError):
    """The process that held the object died, so what the object guards may be half-updated.

    :param message: What happened; ``None`` says it in the words of the other parameters.
    :param pid: The dead process's id; ``None`` if it is no longer known.
    :param process_name: Its name; ``None`` if it is no longer known.
    :param exitcode: Its exit code, ``-N`` for signal ``N``; ``None`` if no process has collected it.
    :param held: Seconds from when it took the lock until it was found dead; ``None`` if not known.
    """

    def __init__(
        self,
        message: str | None = "the owner died",
        pid: int | None = None,
        process_name: str | None = None,
        exitcode: int | None = None,
        held: float | None = None,
    ) -> None:
        super().__init__(_obituary(pid, process_name, exitcode, held) if message is None else message)
        self.pid = pid
        self.process_name = process_name
        self.exitcode = exitcode
        self.held = held


def _obituary(pid: int | None, name: str | None, exitcode: int | None, held: float | None) -> str:
    who = (
        "a process that is forgotten" if pid is None else f"the process {name or '?'} (pid {pid}, exit code {exitcode})"
    )
    long = "" if held is None else f", which it had held for {held:.3g} s"
    return (
        f"{who} died holding the lock{long}; so what the lock guards may be half-updated; "
        "repair it inside `with lock.recover():`"
    )


class ForkError(ProcessError, RuntimeError):
    """This process came of a fork that Python's fork hooks did not see, so it is no member."""


class StateError(ProcessError, AssertionError, RuntimeError):
    """The object does not allow this at this moment, or not to this process.

    It is an :exc:`AssertionError` as in ``multiprocessing`` and a :exc:`RuntimeError` as in
    ``threading``.
    """


class NotHeldError(ProcessError, AssertionError, RuntimeError, ValueError):
    """A lock or semaphore was released, waited on or notified by a thread that does not hold it.

    ``threading`` raises :exc:`RuntimeError` here, ``multiprocessing`` :exc:`ValueError` or
    :exc:`AssertionError`; this is each of them.
    """


class NotPicklableError(ProcessError, pickle.PicklingError, TypeError, AttributeError):
    """An object cannot be pickled, neither by pickle nor by cloudpickle, so it cannot be sent to another process.

    It is each of the errors that pickle raises, by the kind of thing; the one that it raised here is its
    ``__cause__``.

    :param path: The path to the part that cannot be pickled, like ``args[0].session.lock``; empty for the object
        itself.
    :param reason: What the pickler said.
    """

    def __init__(self, path: str = "", reason: str = "cannot be pickled") -> None:
        super().__init__(path, reason)
        self.path: str = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same error, for a part of a larger object that the reader does not know.

        :param names: what the beginnings of the path are called, like ``{"[1]": "args"}``.
        """
        for begin, name in names.items():
            if self.path.startswith(begin):
                self.__init__(name + self.path[len(begin) :], self.reason)  # type: ignore[misc]
                break
        return self


class ClosedError(ProcessError, ValueError, OSError):
    """The object was closed before, by its user.

    ``multiprocessing`` raises :exc:`ValueError` for a queue or a process and :exc:`OSError` for a connection; this is
    both.
    """


if sys.version_info < (3, 13):

    class ShutDown(Exception):
        """The queue was shut down.  From CPython 3.13 on this is `queue.ShutDown`."""


class TimeoutError(ProcessError, builtins.TimeoutError):
    """The time that the caller allowed was up."""


class BufferTooShort(ProcessError):
    """A message did not fit the buffer; ``args[0]`` is the whole message."""


class AuthenticationError(ProcessError):
    """The other side of a connection did not prove that it knows the key."""


class RemoteException(ProcessError):
    """Replaces an exception of another process that could not be pickled there or unpickled here.

    Its ``__cause__`` has the traceback.

    :param kind: The name of the exception's type, with its module.
    :param text: What ``str`` made of the exception.
    :param reason: Why it could not come.
    """

    def __init__(self, kind: str, text: str, reason: str) -> None:
        super().__init__(kind, text, reason)
        self.kind = kind
        self.text = text
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.kind}: {self.text} ({self.reason})"


class RemoteTraceback(Exception):
    """The traceback of an exception in the process that raised it; it is the exception's ``__cause__``.

    :param text: The formatted traceback.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.tb = text

    def __str__(self) -> str:
        return f'\n"""\n{self.tb}"""'
