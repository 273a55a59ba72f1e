"""``wait``: for any of several connections, sentinels, sockets and queues.

An object with a descriptor is waited for by its descriptor. That of a local pipe is its doorbell, which a sender rings
only if a process has asked for it: so each pipe is asked (`PipeEnd._watch`) before the sleep. An encrypted connection
is asked, too, because it may have a message although its descriptor is not readable. A queue has no descriptor: the
sleeping process has an `Observer`, which is registered with each queue. If a producer is killed between its put and its
notification, the process finds the item when it looks once a slice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from processing_core.annotations import Any, TypeVar
from processing_core.lowlevel import READABLE, Observer, PipeEnd, Poller, checked_timeout, polled
from processing_core.lowlevel import PriorityQueue as KernelPriorityQueue
from processing_core.lowlevel import Queue as KernelQueue
from processing_queues._connection import BufferingConnection

__all__ = ["wait"]

_SLICE = 0.4  # seconds between two looks at queues, as the kernel's own waits have
_SLICE_WITHOUT_OBSERVER = 0.01  # where the family has no room for a further observer

# It is not bounded, because type checkers infer a list of `object` for a connection and a sentinel.
T = TypeVar("T")


def wait(object_list: Iterable[T], timeout: float | None = None) -> list[T]:
    """Wait until some of the objects have something to read, or have ended.

    Blocks; signal handlers run, and Ctrl-C interrupts it.  Process- and thread-safe.

    :param object_list: connections, queues, sockets, sentinels of processes, descriptors; anything with ``fileno``.
    :param timeout: seconds; ``None`` waits for ever.
    :return: those that are ready, in the order given; empty if the time was up.
    :raises ValueError: if something has no descriptor.
    :raises OSError: if a connection or a queue is closed.
    :raises TypeError: if ``timeout`` is not a number.

    >>> import processing
    >>> receiver, sender = processing.Pipe(duplex=False)
    >>> processing.wait([receiver], timeout=0.01)
    []
    >>> sender.send("here")
    >>> processing.wait([receiver]) == [receiver]
    True
    """
    waited = list(object_list)
    timeout = checked_timeout(timeout)
    waiting = _Waiting(waited)
    try:
        ready = waiting.ready_within(timeout)
    finally:
        waiting.close()
    return [thing for index, thing in enumerate(waited) if index in ready]


class _Waiting:
    """A call's view of the things that it waits for: the index of each, by its descriptor if it has one."""

    def __init__(self, things: list[Any]) -> None:
        self._poller = Poller()
        self._plain: dict[int, list[int]] = {}
        self._pipes: dict[int, tuple[PipeEnd | BufferingConnection, list[int]]] = {}
        self._queues: list[tuple[Callable[[Observer | None], bool], int]] = []
        self._observer: Observer | None = None
        for index, thing in enumerate(things):
            self._add(thing, index)
        for fd in {*self._plain, *self._pipes}:
            self._poller.register(fd, READABLE)

    def ready_within(self, timeout: float | None) -> set[int]:
        """The indexes of the ready things; empty if the time was up."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            ready = self._watch()
            left = 0.0 if ready else None if deadline is None else max(0.0, deadline - time.monotonic())
            ready |= self._sleep(left)
            if left != 0.0 and self._queues:
                ready |= self._watch()  # what was put before something else woke us
            if ready or left == 0.0:
                return ready

    def close(self) -> None:
        """Free the observer."""
        if self._observer is not None:
            self._observer.close()

    def _add(self, thing: Any, index: int) -> None:
        if isinstance(thing, (KernelQueue, KernelPriorityQueue)):
            self._queues.append((thing._watch, index))
        elif isinstance(thing, PipeEnd) and thing.readable:
            fd = thing._parts()[2]
            self._pipes.setdefault(fd, (thing, []))[1].append(index)
        elif isinstance(thing, BufferingConnection):
            self._pipes.setdefault(thing.fileno(), (thing, []))[1].append(index)
        elif (queue := getattr(thing, "waited_queue", None)) is not None:  # a queue's `Reader`
            self._add(queue, index)
        else:
            self._plain.setdefault(_descriptor(thing), []).append(index)

    def _watch(self) -> set[int]:
        """The indexes of the things that are ready now; a put into one of the other queues notifies the observer."""
        ready = {index for pipe, indexes in self._pipes.values() if pipe._watch() for index in indexes}
        observer = None if self._observer is None or self._observer.fileno() < 0 else self._observer
        return ready | {index for watch, index in self._queues if watch(observer)}

    def _sleep(self, left: float | None) -> set[int]:
        """The indexes of the things that become ready within ``left`` seconds; it may return earlier without any."""
        if self._queues and left != 0.0:
            left = self._listen(left)
            if left == 0.0:
                return set()  # watched before there was an observer: look again
        events = [fd for fd, _ in polled(self._poller, left)]
        if self._observer is not None:
            self._observer.take()
        return {index for fd in events for index in self._indexes(fd)}

    def _indexes(self, fd: int) -> list[int]:
        if fd in self._plain:
            return self._plain[fd] + (self._pipes[fd][1] if fd in self._pipes else [])
        if fd not in self._pipes:
            return []  # the observer
        pipe, indexes = self._pipes[fd]
        return indexes if pipe._ready() else []

    def _listen(self, left: float | None) -> float:
        """Ensure that there is an observer; return how long to sleep."""
        if self._observer is None:
            self._observer = Observer()
            if self._observer.fileno() >= 0:
                self._poller.register(self._observer.fileno(), READABLE)
            return 0.0
        most = _SLICE if self._observer.fileno() >= 0 else _SLICE_WITHOUT_OBSERVER
        return most if left is None else min(left, most)


def _descriptor(thing: Any) -> int:
    try:
        fd = thing if isinstance(thing, int) else int(thing.fileno())
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error, OSError):
            raise  # a connection that was closed
        raise ValueError(f"Invalid file object: {thing!r}") from None
    if fd < 0:
        raise ValueError(f"Invalid file descriptor: {fd}")
    return fd
