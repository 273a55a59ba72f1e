"""What travels between a pool and its workers, and the numbers that it travels with.

Every message has two numbers, readable even where its object cannot be unpickled:

===========================  =============================================  ===========================
a                            b                                              object
===========================  =============================================  ===========================
CALLS                        the call's number                              task: (function or its parcel's cell,
                                                                            args, kwds); result
cell of the job's function   index of the item, or of the first of some     argument, or the list of some; result
                             that travel together                           likewise
CALLS                        KICK                                           only wakes whoever collects
CONTROL                      INITIALIZER_FAILED                             why
===========================  =============================================  ===========================

In place of a result may stand a `Failure`; an `Unread`, of the first item of a batch which as a whole did not
unpickle; or, written by the parent itself, a `Death`.  Claims, too, hold these numbers; `READY` is the claim of a
worker that took nothing yet.
"""

from __future__ import annotations

from processing_core import RemoteTraceback
from processing_core.annotations import Any, NamedTuple
from processing_core.lowlevel import dumps, loads
from processing_pool._errors import MaybeEncodingError

__all__ = [
    "CALLS",
    "CONTROL",
    "INITIALIZER_FAILED",
    "KICK",
    "Death",
    "Failure",
    "Row",
    "Unread",
    "as_text",
    "error_of",
    "failure_of",
    "untaken",
]

CALLS = 0
CONTROL = (1 << 64) - 1
KICK = 0
READY = 1
INITIALIZER_FAILED = 2

Row = tuple[int, int, int, bool | list[int], Any]
"""As the kernel gives them: (a, b, items, whether the object was unpickled, the object or the error).

``items`` is 0 where one result was sent by itself.  Where several come together, the object is their list, and in the
place of ``True`` may stand a list of indexes: of failures, and of exceptions that unpickling raised.
"""


class Failure(NamedTuple):
    """An exception on its way to the parent.

    The exception is pickled by itself, so that one which cannot be unpickled is still told of.
    """

    pickled: bytes
    summary: str
    traceback: str


class Unread(NamedTuple):
    """The first item of a batch that did not unpickle is to be sent alone; as its worker ends, so are the others."""


class Death(NamedTuple):
    """Word of a task's worker that died; the parent sends it to itself, behind all that the worker had sent.

    ``why`` says whether the pool itself killed it, and with what figures.
    """

    pid: int | None
    exitcode: int | None
    why: tuple[Any, ...] = ()


TIMED_OUT = "timed out"
"""(this, seconds allowed)"""
TOO_LARGE = "too large"
"""(this, bytes, bytes allowed)"""
CANCELLED = "cancelled"
OUT_OF_MEMORY = "out of memory"
"""The system was seen to kill for memory at that time."""


def failure_of(error: BaseException) -> Failure:
    """What a worker sends of an exception that it caught; falls back on a description of it."""
    text = as_text(error)
    summary = _described(error)
    try:
        return Failure(dumps(error), summary, text)
    except Exception as reason:
        return Failure(dumps(MaybeEncodingError(_described(reason), f"the exception {summary}")), summary, text)


def as_text(error: BaseException) -> str:
    """An exception with its traceback, as Python prints it."""
    import traceback  # here, for its import takes 2 ms, a tenth of the project's

    return "".join(traceback.format_exception(error))


def error_of(failure: Failure) -> BaseException:
    """The exception that a worker sent, with the remote traceback as its cause."""
    try:
        error: object = loads(failure.pickled)
    except Exception as reason:
        error = MaybeEncodingError(_described(reason), f"the exception {failure.summary}")
    if not isinstance(error, BaseException):
        error = MaybeEncodingError(f"it became {type(error).__name__}", f"the exception {failure.summary}")
    error.__cause__ = RemoteTraceback(failure.traceback)
    return error


def untaken(reason: BaseException, what: str) -> MaybeEncodingError:
    """The error of something that came but could not be unpickled."""
    error = MaybeEncodingError(_described(reason), what)
    error.__cause__ = reason
    return error


def _described(error: BaseException) -> str:
    try:
        return repr(error)
    except Exception:
        return f"<{type(error).__name__} without a repr>"
