"""Descriptors that travel with a process which is being started.

In the pickle of a ``Process`` a descriptor is a number; the descriptor itself goes into the luggage of that start, a
socket whose far end the child inherits::

    parent                                         child
    luggage = Luggage()
    with luggage.packing():
        parcel = pack(process)
    hand over luggage.child_end()   ──────────▶    with unpacking(end):
    luggage.close()                                    process = unpack(parcel)

So a start hands over one descriptor more, however many travel, and the forkserver does not open its children's.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from processing_core import _rights
from processing_core._descriptors import Descriptor

__all__ = ["Luggage", "put_in", "take_out", "unpacking"]

_BATCH = 250  # descriptors in one message; the system's bound is 253


class Luggage:
    """What travels with one start."""

    def __init__(self) -> None:
        self._packed: list[Descriptor] = []
        self._child_end: Descriptor | None = None

    @contextmanager
    def packing(self) -> Iterator[None]:
        """Let the descriptors that this thread pickles meanwhile travel in this luggage; it is sealed at the end."""
        outer, _state.packing = _state.packing, self
        try:
            yield
        finally:
            _state.packing = outer
        self._seal()

    def put(self, fd: int) -> int:
        """Put a copy of a descriptor in; the number by which the child finds it."""
        self._packed.append(Descriptor(os.dup(fd)))
        return len(self._packed) - 1

    def child_end(self) -> int:
        """The descriptor that the child must inherit; -1 if nothing is in the luggage."""
        return -1 if self._child_end is None else self._child_end.fileno()

    def close(self) -> None:
        """Drop this process's hold on it: what the child does not have by now is lost."""
        self._close_packed()
        if self._child_end is not None:
            self._child_end.close()

    def _seal(self) -> None:
        """From now on it is the system that holds what is in it."""
        if not self._packed:
            return
        ours, theirs = socket.socketpair()
        self._child_end = Descriptor(theirs.detach())
        with ours:
            for start in range(0, len(self._packed), _BATCH):
                _rights.send(ours, b"+", [item.fileno() for item in self._packed[start : start + _BATCH]])
        self._close_packed()

    def _close_packed(self) -> None:
        while self._packed:
            self._packed.pop().close()


class _State(threading.local):
    packing: Luggage | None = None


_state = _State()
_arrived: list[Descriptor] = []


def put_in(fd: int) -> int | None:
    """Let a descriptor travel in the luggage that this thread packs; ``None`` if it packs none."""
    return None if _state.packing is None else _state.packing.put(fd)


@contextmanager
def unpacking(child_end: int) -> Iterator[None]:
    """In the child: have the luggage at hand; what nobody has taken out at the end is closed.

    :param child_end: taken over; -1 for no luggage.
    """
    if child_end >= 0:
        with socket.socket(fileno=child_end) as far_end:
            _arrived.extend(_receive_all(far_end))
    try:
        yield
    finally:
        while _arrived:
            _arrived.pop().close()


def take_out(number: int) -> Descriptor:
    """In the child: a descriptor of the luggage, each once.

    :raises OSError: if it did not arrive, for the system lets this process open no more.
    """
    if number >= len(_arrived):
        raise OSError(errno.EMFILE, "a descriptor sent with this process did not arrive: " + os.strerror(errno.EMFILE))
    return Descriptor(_arrived[number].detach())


def _receive_all(far_end: socket.socket) -> Iterator[Descriptor]:
    while True:
        message, descriptors = _rights.receive(far_end, 1, _BATCH)
        if not message:
            return
        yield from map(Descriptor, descriptors)
