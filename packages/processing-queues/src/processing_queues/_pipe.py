"""``Pipe``: two connections that belong together, within the family.

What their ends do is the kernel's (``kernel/pipe.c``); here they are made, and sent away.
"""

import os
from typing import Any

from processing_core.lowlevel import PIPE_BYTES, Descriptor, PipeEnd, bell, own_methods, register_factory
from processing_core.lowlevel import Queue as Ring
from processing_queues._connection import Connection

__all__ = ["Pipe"]


@own_methods
class PipeConnection(PipeEnd, Connection):
    """An end of a `Pipe`: what `Connection` says, by messages in the family's arena."""

    def __init__(self, incoming: Ring[Any] | None, outgoing: Ring[Any] | None, hearing: int, tolling: int) -> None:
        """Everything was done by the kernel's ``__new__``."""

    def __reduce__(self) -> tuple[Any, ...]:
        incoming, outgoing, hearing, tolling = self._parts()
        return _arrived, (incoming, outgoing, _copied(hearing), _copied(tolling))


# To programs it is a `Connection`, as both kinds are in multiprocessing.
PipeConnection.__name__ = PipeConnection.__qualname__ = "Connection"
PipeConnection.__module__ = "processing_queues"


def Pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    """Two connected ends of a pipe.  Does not block.

    Messages wait in shared memory, up to 256 KiB of short ones and 32 MiB of long ones in each direction; then a sender
    waits for the receiver.  Each direction takes two descriptors.

    :param duplex: whether both ends send and receive; otherwise the first only receives and the second only sends.
    :raises OSError: if this process may open no more descriptors.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> receiver, sender = processing.Pipe(duplex=False)
    >>> sender.send_bytes(b"hello")
    >>> receiver.recv_bytes()
    b'hello'
    """
    ring, hearing, tolling = _direction()
    if not duplex:
        return (
            PipeConnection(ring, None, hearing.detach(), -1),
            PipeConnection(None, ring, -1, tolling.detach()),
        )
    back, back_hearing, back_tolling = _direction()
    return (
        PipeConnection(ring, back, hearing.detach(), back_tolling.detach()),
        PipeConnection(back, ring, back_hearing.detach(), tolling.detach()),
    )


def _direction() -> tuple[Ring[Any], Descriptor, Descriptor]:
    ring: Ring[Any] = Ring(0, PIPE_BYTES)
    hearing, tolling = bell()
    return ring, Descriptor(hearing), Descriptor(tolling)


def _copied(fd: int) -> Descriptor | None:
    return None if fd < 0 else Descriptor(os.dup(fd))


def _arrived(
    incoming: Ring[Any] | None, outgoing: Ring[Any] | None, hearing: Descriptor | None, tolling: Descriptor | None
) -> PipeConnection:
    return PipeConnection(
        incoming,
        outgoing,
        -1 if hearing is None else hearing.detach(),
        -1 if tolling is None else tolling.detach(),
    )


register_factory("Pipe", Pipe)
