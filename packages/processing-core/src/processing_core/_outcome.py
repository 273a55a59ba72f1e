"""What became of a process that failed: its exception, on the way to the process that started it.

A process has one queue in the arena for the failures of all its children, made before the first starts; each child
knows its number, and attaches to it when it fails: a start that does not fail pays nothing.  The parent keeps it as
long as it lives.  A child puts its failure there before it ends, so who has seen the end finds the failure, or will
never.  It is taken with the exit code: the queue holds no more than the failures of children that nobody looked after.
"""

from __future__ import annotations

import pickle
import threading

from processing_core import _forks, _main_module, _pickling
from processing_core._errors import HandleError, RemoteException, RemoteTraceback
from processing_core._native import _kernel
from processing_core.annotations import Any, NamedTuple

__all__ = ["Failure", "Mailbox", "exception_of", "forget", "mailbox", "report", "take"]


class Failure(NamedTuple):
    """An exception as it travels: pickled by itself, beside what is to be told if that does not unpickle.

    Pickled in each way that may serve, the best first: where the main module cannot be imported, a forked child's
    exception is still of a class that the parent knows by name.
    """

    pickled: tuple[bytes, ...]
    kind: str
    text: str
    traceback: str
    reason: str = ""  # why it is not pickled


Mailbox = int
"""The number of the queue's cell."""


class _State:
    def __init__(self) -> None:
        self.queue: _kernel.Queue[Failure] | None = None
        self.arrived: list[tuple[int, int, int, bool | list[int], Any]] = []
        # Guards both: between the queue and the list a failure is nowhere.  Reentrant, for a signal handler may ask.
        self.lock = threading.RLock()


_state = _State()


def mailbox() -> Mailbox:
    """Where the children of this process put their failures."""
    with _state.lock:
        if _state.queue is None:
            _state.queue = _kernel.Queue()
        index, generation = _state.queue.cell
    return generation << 32 | index


def report(mailbox: Mailbox, error: BaseException) -> None:
    """In a child: tell the parent what it failed by, if there still is one.  Does not block.

    :raises MemoryError: if the arena is full.
    """
    place = _kernel.member()
    assert place is not None
    try:
        queue: _kernel.Queue[Failure] = _kernel.attach(_kernel.Queue, _kernel.family(), mailbox)
    except HandleError:
        return  # the parent has ended, and its queue with it
    queue._send(place[1], 0, _failure(error))


def take(serial: int) -> Failure | None:
    """The failure of a child that is known to have ended; it stays until :func:`forget`."""
    with _state.lock:
        if _state.queue is not None:
            while not _state.queue.empty():
                _state.queue._receive_many(64, 0, _state.arrived)
        return next((row[4] for row in _state.arrived if row[0] == serial and row[3]), None)


def forget(serial: int) -> None:
    """Drop the failure of a child."""
    with _state.lock:
        _state.arrived[:] = [row for row in _state.arrived if row[0] != serial]


def exception_of(failure: Failure) -> BaseException:
    """The exception that a child raised, with its traceback there as the cause; or what stands for it."""
    error = _loaded(failure)
    error.__cause__ = RemoteTraceback(failure.traceback)
    return error


def _failure(error: BaseException) -> Failure:
    import traceback  # here, for its import takes 2 ms

    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    described = (
        kind.replace(_main_module.CHILD_NAME, "__main__"),
        _text(error),
        "".join(traceback.format_exception(error)),
    )
    by_name = () if _main_module.importable() else _by_name(error)
    try:
        return Failure((*by_name, _pickling.dumps(error)), *described)
    except Exception as reason:
        return Failure((), *described, f"it cannot be pickled: {_described(reason)}")


def _by_name(error: BaseException) -> tuple[bytes, ...]:
    try:
        return (pickle.dumps(error),)
    except Exception:  # the other way will tell
        return ()


def _loaded(failure: Failure) -> BaseException:
    reason = failure.reason
    for pickled in failure.pickled:
        try:
            error: object = _pickling.loads(pickled)
        except Exception as obstacle:
            reason = f"it cannot be unpickled: {_described(obstacle)}"
        else:
            if isinstance(error, BaseException):
                return error
            reason = f"it was unpickled as {type(error).__name__!r}"
    return RemoteException(failure.kind, failure.text, reason)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<its __str__ failed>"


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {_text(error)}"


def _forget() -> None:
    # The queue is the parent's.
    _state.queue, _state.arrived, _state.lock = None, [], threading.RLock()


_forks.forget_in_child(_forget)
