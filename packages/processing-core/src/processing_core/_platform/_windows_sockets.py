"""Windows: the object of a socket that belongs to another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    import _socket

assert sys.platform == "win32"  # for type checkers

__all__ = ["borrowed_socket"]


@contextmanager
def borrowed_socket(fd: int) -> Iterator[_socket.socket]:
    """A socket object for a socket that stays its owner's.  Its family is not asked for: nothing here depends on it."""
    import _socket

    made: list[_socket.socket] = []
    try:
        # Noted by the C function that makes it, as elsewhere: a signal handler that raises must not have it dropped.
        any(map(made.append, map(_socket.socket, (_socket.AF_INET,), (_socket.SOCK_STREAM,), (0,), (fd,))))
        if made[0].gettimeout() is not None:  # the program's `socket.setdefaulttimeout`, which is not for us
            made[0].settimeout(0.0)  # that has ended its blocking already
        yield made[0]
    finally:
        for borrowed in made:
            borrowed.detach()
