"""What a worker has of its own: its id, and state that its tasks share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from processing_core.annotations import Any, Concatenate, Generic, ParamSpec, TypeVar
from processing_core.lowlevel import ThreadRLock

__all__ = ["WorkerState", "begin", "end", "worker_id"]

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")

_worker_id: int | None = None
_states: dict[str, tuple[Any, Callable[[Any], object] | None]] = {}  # by token; in the order of their making
_guard = ThreadRLock()  # guards _states: tasks may have threads


def worker_id() -> int | None:
    """The number of the worker that this process is, from 0 to one less than the pool's size.

    A worker that replaces another has its number.  Does not block.

    :return: ``None`` if this process is no pool's worker.

    >>> import processing
    >>> processing.worker_id() is None
    True
    """
    return _worker_id


class WorkerState(Generic[S]):
    """An object that each worker makes for itself once, when a task first asks for it, such as a connection.

    It is picklable, so it can be sent with the functions that use it. In a process that is no worker it has a state,
    too. Thread-safe.

    :param make: makes the object.
    :param args: its arguments.
    :param close: is called with the object when the worker ends by itself: the pool was closed, or the worker has run
        ``maxtasksperchild`` tasks.

    >>> import processing
    >>> state = processing.WorkerState(dict)
    >>> state.get() is state.get()
    True
    """

    def __init__(self, make: Callable[..., S], *args: Any, close: Callable[[S], object] | None = None) -> None:
        self._token = os.urandom(16).hex()
        self._make = make
        self._args = args
        self._close = close

    def get(self) -> S:
        """This process's object.  Blocks while it is made.

        :raises Exception: what making it raises; the next call tries again.
        """
        with _guard:
            if self._token not in _states:
                _states[self._token] = self._make(*self._args), self._close
            state: S = _states[self._token][0]
            return state

    def passed_to(self, function: Callable[Concatenate[S, P], R]) -> Callable[P, R]:
        """``function`` without its first argument, which will be the worker's object.  Does not block.

        :return: something for a pool to call.

        >>> import processing
        >>> state = processing.WorkerState(list, "ab")
        >>> state.passed_to(lambda letters, i: letters[i])(1)
        'b'
        """
        return _Passing(self, function)


class _Passing(Generic[S, P, R]):
    """A function that gets the state first."""

    def __init__(self, state: WorkerState[S], function: Callable[Concatenate[S, P], R]) -> None:
        self._state = state
        self._function = function
        self.__qualname__ = getattr(function, "__qualname__", repr(function))

    def __call__(self, *args: P.args, **kwds: P.kwargs) -> R:
        return self._function(self._state.get(), *args, **kwds)


def begin(worker_id: int) -> None:
    """This process is now a worker: forget the state that it inherited."""
    global _worker_id, _guard
    _worker_id, _guard = worker_id, ThreadRLock()  # a thread of the parent's may have held the other at the fork
    _states.clear()


def end(on_exit: Callable[[], object] | None) -> None:
    """The worker ends by itself: close its states, the latest first, and call ``on_exit``."""
    while _states:
        _, (state, close) = _states.popitem()
        if close is not None:
            _call(lambda: close(state))  # noqa: B023 - it is called at once
    if on_exit is not None:
        _call(on_exit)


def _call(function: Callable[[], object]) -> None:
    try:
        function()
    except Exception:
        sys.excepthook(*sys.exc_info())  # no caller is there to get it
