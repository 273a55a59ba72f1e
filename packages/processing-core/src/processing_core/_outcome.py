"""The exception of a process that failed, on the way to the process that started it.

A process has one queue in the arena for the failures of all its children; it creates the queue before it starts the
first child. Each child knows the queue's cell, and attaches to it only when it fails, so a successful child costs
nothing. The parent keeps the queue as long as it runs. A child puts its failure there before it ends, so a thread that
has seen the child's end finds the failure at once if there is one. The parent takes a failure together with the exit
code, so the queue holds only the failures of children whose end no thread has waited for.
"""

from __future__ import annotations

import _pickle as pickle

from processing_core import _forks, _main_module, _pickling
from processing_core._carried import OWN, NotLoaded, caused_by, load_exception, text_of
from processing_core._errors import HandleError, RemoteException, RemoteTraceback
from processing_core._native import _kernel
from processing_core._threads import ThreadRLock
from processing_core.annotations import Any, NamedTuple

__all__ = ["Failure", "Mailbox", "exception_of", "forget", "mailbox", "report", "take"]


class Failure(NamedTuple):
    """An exception in a message: its pickles, and the text to show if none of them can be unpickled.

    There is a pickle for each way that may work, the best first: where the main module cannot be imported, the class of
    a forked child's exception can still be pickled by name, because the parent has it too.
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
        self.queue: _kernel.Channel[Failure] | None = None
        self.arrived: list[tuple[int, int, int, bool | list[int], Any]] = []
        # Guards both: a thread that moves failures from the queue to the list holds it, so that another thread finds
        # each failure in one of them.  Reentrant, because a signal handler may call `take`.
        self.lock = ThreadRLock()


_state = _State()


def mailbox() -> Mailbox:
    """The queue in which the children of this process put their failures."""
    with _state.lock:
        if _state.queue is None:
            _state.queue = _kernel.Channel()
        index, generation = _state.queue.cell
    return generation << 32 | index


def report(mailbox: Mailbox, error: BaseException) -> None:
    """In a child: send the parent the exception that ended it, if the parent still runs. Does not block.

    :raises MemoryError: if the arena is full.
    """
    member_id = _kernel.member()
    assert member_id is not None
    try:
        queue: _kernel.Channel[Failure] = _kernel.attach(_kernel.Channel, _kernel.family(), mailbox)
    except HandleError:
        return  # the parent has ended, and its queue with it
    queue._send(member_id[1], 0, _failure(error))


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
    """The exception that a child raised, or its replacement; the cause is the traceback in the child."""
    return caused_by(_loaded(failure), RemoteTraceback(failure.traceback))


def _failure(error: BaseException) -> Failure:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    described = (
        kind.replace(_main_module.CHILD_NAME, "__main__"),
        _text(error),
        text_of(error),
    )
    by_name = () if _main_module.importable() else _by_name(error)
    try:
        return Failure((*by_name, _pickling.dumps(error)), *described)
    except OWN as reason:
        return Failure((), *described, f"it cannot be pickled: {_described(reason)}")


def _by_name(error: BaseException) -> tuple[bytes, ...]:
    try:
        return (pickle.dumps(error),)
    except OWN:  # pickling by value is tried next, and its error is reported
        return ()


def _loaded(failure: Failure) -> BaseException:
    reason = failure.reason
    for pickled in failure.pickled:
        try:
            return load_exception(pickled)
        except NotLoaded as obstacle:
            why = obstacle.reason
            reason = why if isinstance(why, str) else f"it cannot be unpickled: {_described(why)}"
    return RemoteException(failure.kind, failure.text, reason)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except OWN:
        return "<its __str__ failed>"


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {_text(error)}"


def _forget() -> None:
    # The queue belongs to the parent.
    _state.queue, _state.arrived, _state.lock = None, [], ThreadRLock()


_forks.forget_in_child(_forget)
