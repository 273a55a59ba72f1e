"""Names of ``multiprocessing.util``: finalizers, and functions that are called in forked children."""

from __future__ import annotations

import functools
import itertools
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping

from processing_core import _exit
from processing_core._forks import without_forks
from processing_core._platform import register_at_fork
from processing_core.annotations import Any, TypeVar

__all__ = ["Finalize", "after_fork", "finalizers", "numbers", "register_after_fork", "run_finalizers", "watch_forks"]

T = TypeVar("T")


class Finalize:
    """Calls a function once: when it is called itself, when an object is gone, or when the process ends.

    Thread-safe. It belongs to the process that made it: a child forked from that process does not call the function.

    :param obj: the object; ``None`` for none, and then there must be a priority.
    :param callback: the function.
    :param args: its arguments.
    :param kwargs: its keyword arguments.
    :param exitpriority: call it when the process ends normally, those of the highest priority first, and those below
        zero after the children were joined; ``None`` for not at all.
    :raises TypeError: if ``exitpriority`` is not an integer.
    :raises ValueError: if there is neither object nor priority.
    """

    def __init__(
        self,
        obj: object,
        callback: Callable[..., Any],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        exitpriority: int | None = None,
    ) -> None:
        if exitpriority is not None and not isinstance(exitpriority, int):
            raise TypeError(f"Exitpriority ({exitpriority!r}) must be None or int, not {type(exitpriority)!s}")
        if obj is None and exitpriority is None:
            raise ValueError("Without object, exitpriority cannot be None")
        self._call: Callable[[], Any] | None = lambda: callback(*args, **(kwargs or {}))
        self._pid = os.getpid()
        self._key = exitpriority, next(numbers)
        self._forget = None if exitpriority is None else _exit.at_exit(self, priority=exitpriority)
        finalizers[self._key] = self
        self._reference = None if obj is None else weakref.ref(obj, lambda _: self())

    def __call__(self) -> Any:
        """Call the function, unless it was called or cancelled before; return its result."""
        call = self._end()
        return call() if call is not None and self._pid == os.getpid() else None

    def cancel(self) -> None:
        """Never call it.  Does not block."""
        self._end()

    def still_active(self) -> bool:
        """Whether it waits to be called.  Does not block."""
        return self._call is not None

    def __repr__(self) -> str:
        state = "waiting" if self.still_active() else "dead"
        return f"<{type(self).__name__} object, {state}>"

    def _end(self) -> Callable[[], Any] | None:
        if finalizers.pop(self._key, None) is None:  # one of two threads finds it
            return None
        call, self._call, self._reference = self._call, None, None
        if self._forget is not None:
            self._forget()
        return call


numbers: Iterator[int] = itertools.count()
"""Distinguish what follows; libraries take some, and add entries of their own."""

finalizers: dict[tuple[int | None, int], Finalize] = {}
"""Those that wait to be called, by priority and number; they live until then."""

after_fork: weakref.WeakValueDictionary[tuple[int, int, Callable[[Any], object]], Any] = weakref.WeakValueDictionary()
"""The objects of `register_after_fork`, by number, the object's id and function."""


def run_finalizers(minpriority: int | None = None) -> None:
    """Call the finalizers that have a priority: the highest first, and of equal ones the youngest.  Blocks as they do.

    An exception of one is printed, and the next is called.

    :param minpriority: only those of at least this priority; ``None`` for all, and then those without a priority are
        dropped.
    """
    for key in sorted((key for key in list(finalizers) if _is_due(key, minpriority)), reverse=True):
        finalizer = finalizers.get(key)
        if finalizer is not None:
            try:
                finalizer()
            except Exception:
                sys.excepthook(*sys.exc_info())
    if minpriority is None:
        finalizers.clear()


def _is_due(key: tuple[int | None, int], minpriority: int | None) -> bool:
    priority = key[0]
    return priority is not None and (minpriority is None or priority >= minpriority)


def register_after_fork(obj: T, func: Callable[[T], object]) -> None:
    """Call ``func(obj)`` in every child that is forked from this process, as long as the object lives.

    Does not block; thread-safe.  The start method ``spawn`` forks nothing, nor does ``forkserver`` fork this process.

    :param obj: any object that can be referred to weakly.
    """
    watch_forks()
    after_fork[next(numbers), id(obj), func] = obj


@functools.cache
def watch_forks() -> None:
    """From now on forked children call the functions that are registered; once is enough."""
    with without_forks():  # no two threads at once
        _register_hook()


@functools.cache
def _register_hook() -> None:
    register_at_fork(after_in_child=_after_fork_in_child)


def _after_fork_in_child() -> None:
    for (_, _, func), obj in sorted(after_fork.items(), key=lambda item: item[0][0]):
        func(obj)
