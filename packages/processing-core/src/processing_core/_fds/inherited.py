"""Inherited descriptors: those that are sent with a process which is being started.

In the pickle of a ``Process`` a descriptor is a number.  The descriptors themselves go into a socket, whose far end the
child inherits::

    parent                                         child
    inherited = InheritedFds()
    with inherited.packing():
        parcel = pack(process)
    hand over inherited.child_end()  ─────────▶    with unpacking(end):
    inherited.close()                                  process = unpack(parcel)

So a start passes on one further descriptor, however many are sent, and the forkserver does not open those of its
children.  Where the system keeps the numbers (`KEEPS_NUMBERS`), there is no socket: the child inherits them all.
"""

from __future__ import annotations

import _socket
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

from processing_core._fds import pairs
from processing_core._fds.descriptors import Descriptor, duplicate, scarcity
from processing_core._platform import KEEPS_NUMBERS, scm_rights

__all__ = ["InheritedFds", "being_packed", "is_packing", "kept_private", "put", "take", "unpacking"]

_BATCH = 250  # descriptors in one message; the system's bound is 253


class InheritedFds:
    """The descriptors that are sent with one start."""

    def __init__(self) -> None:
        self._packed: list[Descriptor] = []
        self._child_end: Descriptor | None = None

    @contextmanager
    def packing(self) -> Iterator[None]:
        """Collect the descriptors that this thread pickles in the body; they are sent at its end."""
        tokens: list[Token[InheritedFds | None]] = []
        try:
            # Noted by a C function: a signal handler that raises behind it must not have this thread pack for ever.
            any(map(tokens.append, map(_packing.set, (self,))))
            yield
        finally:
            for token in tokens:
                _packing.reset(token)
        self._send_all()

    def put(self, fd: int) -> int:
        """Send a copy of a descriptor; the number by which the child finds it."""
        self._packed.append(Descriptor.of(duplicate, fd))
        return self._packed[-1].fileno() if KEEPS_NUMBERS else len(self._packed) - 1

    def by_number(self) -> list[int]:
        """The descriptors that the child must inherit beside its end of the socket."""
        return [descriptor.fileno() for descriptor in self._packed]

    def child_end(self) -> int:
        """The descriptor that the child must inherit; -1 if no descriptor is sent."""
        return -1 if self._child_end is None else self._child_end.fileno()

    def close(self) -> None:
        """Close this process's copies: what the child does not have by now is lost."""
        self._close_packed()
        if self._child_end is not None:
            self._child_end.close()

    def _send_all(self) -> None:
        """Send them: from now on the system holds them, in the socket."""
        if not self._packed or KEEPS_NUMBERS:
            return
        ours, theirs = pairs.pair()
        self._child_end = Descriptor.of(_socket.socket.detach, theirs)
        try:
            for start in range(0, len(self._packed), _BATCH):
                scm_rights.send(ours, b"+", [item.fileno() for item in self._packed[start : start + _BATCH]])
        finally:
            ours.close()
        self._close_packed()

    def _close_packed(self) -> None:
        while self._packed:
            self._packed.pop().close()


# A context variable, not a thread's: greenlets of one thread may pack in turns.
_packing: ContextVar[InheritedFds | None] = ContextVar("packing", default=None)
_arrived: list[Descriptor] = []


def being_packed() -> InheritedFds | None:
    """The descriptors that are sent with the process which this thread starts; ``None`` if it starts none."""
    return _packing.get()


def is_packing() -> bool:
    """Whether this thread pickles for a process that is being started."""
    return _packing.get() is not None


def put(fd: int) -> int | None:
    """Send a descriptor with the process which this thread starts; ``None`` if it starts none."""
    inherited = _packing.get()
    return None if inherited is None else inherited.put(fd)


@contextmanager
def unpacking(child_end: int) -> Iterator[None]:
    """In the child: have the inherited descriptors at hand; those that were not taken at the end are closed.

    :param child_end: taken over; -1 if no descriptors came.
    """
    if child_end >= 0:
        far_end = _socket.socket(fileno=child_end)
        try:
            _arrived.extend(_receive_all(far_end))
        finally:
            far_end.close()
    try:
        yield
    finally:
        while _arrived:
            _arrived.pop().close()


def take(number: int) -> Descriptor:
    """In the child: an inherited descriptor, each once.

    :raises OSError: if it did not arrive, for the system lets this process open no more.
    """
    if KEEPS_NUMBERS:
        return Descriptor(kept_private(number))
    if number >= len(_arrived):
        error = scarcity()
        error.strerror = f"a descriptor sent with this process did not arrive: {error.strerror}"
        raise error
    return Descriptor(_arrived[number].detach())


def kept_private(number: int) -> int:
    """In the child: a descriptor that it has inherited by number, which is not passed on to programs it starts."""
    if sys.platform == "win32" and number >= 0:
        os.set_handle_inheritable(number, False)
    return number


def _receive_all(far_end: _socket.socket) -> Iterator[Descriptor]:
    while True:
        message, descriptors = scm_rights.receive(far_end, 1, _BATCH)
        if not message:
            return
        yield from Descriptor.all_of(descriptors)
