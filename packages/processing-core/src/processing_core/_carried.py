"""Exceptions that are sent between processes, whatever their classes do.

An exception's class may refuse attributes (a frozen dataclass does), or raise an error when the exception is shown,
pickled or unpickled. A process that sends or receives an exception uses these functions, so such an error changes only
how that exception is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

from processing_core import _pickling
from processing_core.annotations import Final

__all__ = [
    "OWN",
    "NotLoaded",
    "add_note",
    "cause_of",
    "caused_by",
    "described",
    "formatted",
    "load_exception",
    "text_of",
    "traceback_of",
    "with_traceback",
]

OWN: Final = (Exception, SystemExit, GeneratorExit)
"""What an object's own code may raise. A :exc:`KeyboardInterrupt` is not among them: it goes to the program."""


class NotLoaded(Exception):
    """A pickled exception cannot be unpickled as an exception.

    :param reason: what the unpickling raised, or a text about the object that it returned instead.
    """

    def __init__(self, reason: BaseException | str) -> None:
        super().__init__(reason)
        self.reason = reason


def load_exception(pickled: bytes) -> BaseException:
    """The exception that was pickled.

    If unpickling raises an error, it is tried again. If the second try raises the same type, the exception cannot be
    unpickled; otherwise a signal handler raised the error, and it is raised here.

    :raises NotLoaded: if the exception cannot be unpickled, or is unpickled as an object that is no exception.
    """
    try:
        loaded: object = _pickling.loads(pickled)
    except BaseException as first:
        if _raised_again(pickled, first):
            raise NotLoaded(first) from None
        raise
    if isinstance(loaded, BaseException):
        return loaded
    raise NotLoaded(f"it was unpickled as {type(loaded).__name__!r}")


def _raised_again(pickled: bytes, first: BaseException) -> bool:
    try:
        _pickling.loads(pickled)
    except BaseException as again:
        return type(again) is type(first)
    return False


def caused_by(error: BaseException, cause: BaseException) -> BaseException:
    """The same exception with a cause."""
    BaseException.__dict__["__cause__"].__set__(error, cause)
    return error


def cause_of(error: BaseException) -> BaseException | None:
    """An exception's cause."""
    cause: BaseException | None = BaseException.__dict__["__cause__"].__get__(error)
    return cause


def traceback_of(error: BaseException) -> TracebackType | None:
    """An exception's traceback."""
    traceback: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)
    return traceback


def with_traceback(error: BaseException, traceback: TracebackType | None) -> BaseException:
    """The same exception with this traceback."""
    return BaseException.with_traceback(error, traceback)


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an exception, if it takes any."""
    try:
        error.add_note(note)
    except OWN:
        pass  # raised by a class whose instances are frozen, for example; the first error is more important than a note


def text_of(error: BaseException) -> str:
    """An exception with its traceback, as Python prints it."""
    return formatted(type(error), error, traceback_of(error))


def formatted(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> str:
    """The text of an exception that is given as ``sys.exc_info`` returns it."""
    try:
        import traceback  # here, because its import takes 2 ms, a tenth of the project's
    except OWN:  # a process that has no descriptor left, or has become another user, may reach the library no more
        lines = [] if trace is None else ["Traceback (most recent call last):\n", *_frame_lines(trace)]
        return "".join([*lines, kind.__name__ if error is None else described(error), "\n"])
    try:
        return "".join(traceback.format_exception(kind, error, trace))
    except OWN:  # raised by a class that replaces `__cause__`, for example
        frames = [] if trace is None else ["Traceback (most recent call last):\n", *traceback.format_tb(trace)]
        return "".join([*frames, kind.__name__ if error is None else described(error), "\n"])


def _frame_lines(trace: TracebackType | None) -> Iterator[str]:
    """The lines of a traceback, without those of the source."""
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}\n'
        trace = trace.tb_next


def described(error: BaseException) -> str:
    """An exception's repr, or its class's name if the repr fails."""
    try:
        return repr(error)
    except OWN:
        return f"<{type(error).__name__} without a repr>"
