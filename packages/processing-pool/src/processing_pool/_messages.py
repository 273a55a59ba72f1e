"""The messages between a pool and its workers.

Every message has a job id and an index, which are readable even if its object cannot be unpickled:

===========================  =============================================  ===========================
job_id                       index                                          object
===========================  =============================================  ===========================
CALLS                        the call's index                               task: (function or its parcel's cell,
                                                                            args, kwds); result
cell of the job's function   index of the item, or of the first of some     argument, or the list of some; result
                             that are sent together                         likewise
CALLS                        WAKE                                           none; it only wakes the leader
CONTROL                      INITIALIZER_FAILED                             why
CONTROL                      RESIZED                                        none; jobs send more to more workers
cell of an imap's function   WITHDRAWN                                      which items were not begun and never will be
===========================  =============================================  ===========================

Instead of a result a message may have a `Failure`; an `Unread`, for the first item of a batch that could not be
unpickled as a whole; or a `Death`, which the parent sends to itself.  Claims, too, hold a job id and an index; the
claim of a worker that has taken nothing yet has `READY`.
"""

from __future__ import annotations

from processing_core import RemoteTraceback
from processing_core.annotations import Any, NamedTuple
from processing_core.lowlevel import NotLoaded, caused_by, described, dumps, load_exception, text_of
from processing_pool._errors import MaybeEncodingError, NotUnpicklableError

__all__ = [
    "CALLS",
    "CONTROL",
    "SPECIAL",
    "INITIALIZER_FAILED",
    "RESIZED",
    "WAKE",
    "WITHDRAWN",
    "Death",
    "Failed",
    "Failure",
    "Row",
    "Unread",
    "renewed",
    "error_of",
    "failure_of",
    "pickling_failed",
    "unpickling_failed",
]

CALLS = 0
CONTROL = (1 << 64) - 1
WAKE = 0
READY = 1
INITIALIZER_FAILED = 2
RESIZED = 3
WITHDRAWN = (1 << 64) - 1

Row = tuple[int, int, int, bool | list[int], Any]
"""A received outcome: (job_id, index, items, whether the object was unpickled, the object or the error).

``items`` is 0 if one result was sent by itself.  If several come together, the object is their list, and instead of
``True`` there may be a list of indexes: of failures, and of exceptions that unpickling raised.
"""


class Failure(NamedTuple):
    """An exception on its way to the parent.

    The exception has a pickle of its own, so the parent learns of it even if it cannot be unpickled.

    Unpickling a message runs no Python code, so no signal handler can raise in it: such an exception would be taken for
    a fault of the message, and would not reach the caller.
    """

    pickled: bytes
    summary: str
    traceback: str

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple.__new__, (type(self), tuple(self))  # no Python code: see `Failure`


class Unread(NamedTuple):
    """A batch could not be unpickled: its first item is to be sent alone.  Its worker ends, so the others are, too."""

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple.__new__, (type(self), tuple(self))  # no Python code: see `Failure`


class Death(NamedTuple):
    """The report that a task's worker died; the parent sends it to itself, after all rows that the worker had sent.

    ``why`` says whether the pool itself killed the worker, and the figures.
    """

    pid: int | None
    exitcode: int | None
    why: tuple[Any, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple.__new__, (type(self), tuple(self))  # no Python code: see `Failure`


SPECIAL = frozenset({Failure, Unread, Death})
"""What may come in place of a result."""


class Failed:
    """The result of a task that failed, in the parent."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


TIMED_OUT = "timed out"
"""(this, seconds allowed)"""
TOO_LARGE = "too large"
"""(this, bytes, bytes allowed)"""
CANCELLED = "cancelled"
OUT_OF_MEMORY = "out of memory"
"""At that time the system killed processes because it lacked memory."""


def failure_of(error: BaseException) -> Failure:
    """What a worker sends for an exception: the exception, or a description if it cannot be pickled."""
    text = text_of(error)
    summary = described(error)
    try:
        return Failure(dumps(error), summary, text)
    except BaseException as reason:  # SystemExit too: what an exception's pickling raises does not end the worker
        return Failure(dumps(MaybeEncodingError(described(reason), f"the exception {summary}")), summary, text)


def error_of(failure: Failure) -> BaseException:
    """The exception that a worker sent, with the remote traceback as its cause."""
    try:
        error = load_exception(failure.pickled)
    except NotLoaded as obstacle:
        why = obstacle.reason
        error = NotUnpicklableError(why if isinstance(why, str) else described(why), f"the exception {failure.summary}")
    return caused_by(error, RemoteTraceback(failure.traceback))


def renewed(error: BaseException) -> BaseException:
    """An exception like one of the pool's, with the same cause and without its traceback."""
    another = type(error)(*error.args)
    return another if error.__cause__ is None else caused_by(another, error.__cause__)


def unpickling_failed(reason: BaseException, what: str) -> NotUnpicklableError:
    """The error for an object that was received and could not be unpickled."""
    error = NotUnpicklableError(described(reason), what)
    error.__cause__ = reason
    return error


def pickling_failed(reason: BaseException, what: str) -> MaybeEncodingError:
    """The error for an object that could not be pickled."""
    error = MaybeEncodingError(described(reason), what)
    error.__cause__ = reason
    return error
