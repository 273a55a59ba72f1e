"""``Pipe``: two connections that belong together, within the family.

What their ends do is the kernel's (``kernel/pipes/``); here they are made, and sent away.
"""

from __future__ import annotations

from processing_core.annotations import Any
from processing_core.lowlevel import (
    PIPE_BYTES,
    PIPE_MESSAGES,
    Descriptor,
    Lent,
    Numbers,
    PipeEnd,
    doorbell,
    own_methods,
    register_factory,
)
from processing_core.lowlevel import Queue as Ring
from processing_queues._awaitable_connection import AwaitablePipe
from processing_queues._connection import Connection

__all__ = ["Pipe"]


@own_methods
class PipeConnection(AwaitablePipe, PipeEnd, Connection):
    """An end of a `Pipe`: what `Connection` says, by messages in the family's arena."""

    def __init__(
        self,
        incoming: Ring[Any] | None,
        outgoing: Ring[Any] | None,
        read_fd: _Sent,
        write_fd: _Sent,
    ) -> None:
        """Everything was done by the kernel's ``__new__``."""

    def __reduce__(self) -> tuple[Any, ...]:
        incoming, outgoing, read_fd, write_fd = self._parts()
        return _arrived, (incoming, outgoing, _lent(read_fd), _lent(write_fd))


# To programs it is a `Connection`, as both kinds are in multiprocessing.
PipeConnection.__name__ = PipeConnection.__qualname__ = "Connection"
PipeConnection.__module__ = "processing_queues"


def Pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    """Two connected ends of a pipe.  Does not block.

    In each direction 4,096 messages may wait, of 16 MiB together, or one that is longer; then a sender waits for the
    receiver.  Each direction takes two descriptors.

    :param duplex: whether both ends send and receive; otherwise the first only receives and the second only sends.
    :raises OSError: if this process may open no more descriptors.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> receiver, sender = processing.Pipe(duplex=False)
    >>> sender.send_bytes(b"hello")
    >>> receiver.recv_bytes()
    b'hello'
    """
    ring, read_fd, write_fd = _direction()
    if not duplex:
        return (
            PipeConnection(ring, None, read_fd, None),
            PipeConnection(None, ring, None, write_fd),
        )
    back, back_read_fd, back_write_fd = _direction()
    return (
        PipeConnection(ring, back, read_fd, back_write_fd),
        PipeConnection(back, ring, back_read_fd, write_fd),
    )


def _direction() -> tuple[Ring[Any], Descriptor, Descriptor]:
    ring: Ring[Any] = Ring(PIPE_MESSAGES, PIPE_BYTES)
    numbers = Numbers()
    any(map(numbers.extend, map(doorbell, (ring,))))
    read_fd, write_fd = Descriptor.all_of(numbers)
    return ring, read_fd, write_fd


def _lent(fd: int) -> Lent | None:
    return None if fd < 0 else Lent(fd)


_Sent = Lent | Descriptor | None


def _arrived(incoming: Ring[Any] | None, outgoing: Ring[Any] | None, read_fd: _Sent, write_fd: _Sent) -> PipeConnection:
    return PipeConnection(incoming, outgoing, read_fd, write_fd)


register_factory("Pipe", Pipe)
