"""``wait``: for any of several connections, sentinels, sockets and queues.

What has a descriptor is waited for by that.  A local pipe's is its bell, which rings only for those who asked: each is
asked for it (`PipeEnd._heed`) before the sleep.  So is an encrypted connection, of which the descriptor does not tell
all.  A queue has none: the sleeper has an `Ear`, which hears of puts.  A producer killed between its put and its call
is made up for by a look once a slice.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable
from functools import partial

from processing_core.annotations import Any, TypeVar
from processing_core.lowlevel import Ear, Pile, PipeEnd, checked_timeout, heed, polled
from processing_core.lowlevel import Queue as KernelQueue
from processing_queues._connection import BufferingConnection
from processing_queues._reader import Reader

__all__ = ["wait"]

_SLICE = 0.4  # seconds between two looks at queues, as the kernel's own waits have
_SLICE_WITHOUT_EAR = 0.01  # where more than 64 wait for queues in the family

# Unbounded, for the checkers make a list of `object` of a connection beside a sentinel.
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
    return [thing for place, thing in enumerate(waited) if place in ready]


class _Waiting:
    """A call's view of what it waits for: where each thing stands, by its descriptor if it has one."""

    def __init__(self, things: list[Any]) -> None:
        self._poller = select.poll()
        self._plain: dict[int, list[int]] = {}
        self._pipes: dict[int, tuple[PipeEnd | BufferingConnection, list[int]]] = {}
        self._queues: list[tuple[Callable[[], bool], int]] = []
        self._ear: Ear | None = None
        for place, thing in enumerate(things):
            self._add(thing.queue if isinstance(thing, Reader) else thing, place)
        for fd in {*self._plain, *self._pipes}:
            self._poller.register(fd, select.POLLIN)

    def ready_within(self, timeout: float | None) -> set[int]:
        """The places of what is ready; empty if the time was up."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            ready = self._heed()
            left = 0.0 if ready else None if deadline is None else max(0.0, deadline - time.monotonic())
            ready |= self._sleep(left)
            if left != 0.0 and self._queues:
                ready |= self._heed()  # what was put before something else woke us
            if ready or left == 0.0:
                return ready

    def close(self) -> None:
        """Listen no more."""
        if self._ear is not None:
            self._ear.close()

    def _add(self, thing: Any, place: int) -> None:
        if isinstance(thing, KernelQueue):
            self._queues.append((partial(heed, thing), place))
        elif isinstance(thing, Pile):
            self._queues.append((thing._heed, place))
        elif isinstance(thing, PipeEnd) and thing.readable:
            fd = thing._parts()[2]
            self._pipes.setdefault(fd, (thing, []))[1].append(place)
        elif isinstance(thing, BufferingConnection):
            self._pipes.setdefault(thing.fileno(), (thing, []))[1].append(place)
        else:
            self._plain.setdefault(_descriptor(thing), []).append(place)

    def _heed(self) -> set[int]:
        """What is ready already; of the others we are told."""
        ready = {place for pipe, places in self._pipes.values() if pipe._heed() for place in places}
        return ready | {place for heed_it, place in self._queues if heed_it()}

    def _sleep(self, left: float | None) -> set[int]:
        """What becomes ready in so many seconds, or sooner none."""
        if self._queues and left != 0.0:
            left = self._listen(left)
            if left == 0.0:
                return set()  # heeded before there was an ear: look again
        events = [fd for fd, _ in polled(self._poller, left)]
        if self._ear is not None:
            self._ear.drain()
        return {place for fd in events for place in self._places(fd)}

    def _places(self, fd: int) -> list[int]:
        if fd in self._plain:
            return self._plain[fd] + (self._pipes[fd][1] if fd in self._pipes else [])
        if fd not in self._pipes:
            return []  # the ear
        pipe, places = self._pipes[fd]
        return places if pipe._ready() else []

    def _listen(self, left: float | None) -> float:
        """Have an ear; how long to sleep."""
        if self._ear is None:
            self._ear = Ear()
            if self._ear.fileno() >= 0:
                self._poller.register(self._ear.fileno(), select.POLLIN)
            return 0.0
        most = _SLICE if self._ear.fileno() >= 0 else _SLICE_WITHOUT_EAR
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
