"""``Pipe``: two connections that belong together."""

import os

from processing_core.lowlevel import register_factory
from processing_queues._connection import Connection

__all__ = ["Pipe"]


def Pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    """Two connected ends of a pipe.  Does not block.

    :param duplex: whether both ends send and receive; otherwise the first only receives and the second only sends.
    :raises OSError: if this process may open no more descriptors.

    >>> import processing
    >>> receiver, sender = processing.Pipe(duplex=False)
    >>> sender.send_bytes(b"hello")
    >>> receiver.recv_bytes()
    b'hello'
    """
    if duplex:
        import socket  # here, for it takes 2 ms, a tenth of the package's import

        ours, theirs = socket.socketpair()
        return Connection(ours.detach()), Connection(theirs.detach())
    read_end, write_end = os.pipe()
    return Connection(read_end, writable=False), Connection(write_end, readable=False)


register_factory("Pipe", Pipe)
