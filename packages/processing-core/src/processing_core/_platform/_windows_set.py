"""Windows: a set of handles and sockets that event loops wait for by a socket, into which the kernel writes.

A loop of Windows waits for sockets (selectors, trio), or for the end of operations (asyncio's proactor); neither waits
for an event, a process or a pipe.  Threads of the system's own pool do, and send a byte to the set's socket.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from weakref import finalize

from processing_core._native import _kernel
from processing_core._platform import _windows_poller as _poller
from processing_core.annotations import NoReturn

assert sys.platform == "win32"  # for type checkers

__all__ = ["DescriptorSet"]

_MOST = 4096  # bytes of the socket that are received at once


def _close(waits: _kernel.DescriptorWaits, reader: socket.socket, writer: socket.socket) -> None:
    waits.close()
    reader.close()
    writer.close()


class DescriptorSet:
    """Handles and sockets, each of which is told whenever it is ready."""

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.setblocking(False)
        self._writer.setblocking(False)
        self._waits = _kernel.DescriptorWaits(self._writer, self._writer.fileno())
        self.close: Callable[[], object] = finalize(self, _close, self._waits, self.reader, self._writer)
        """Free what it has; a second call does nothing.  So does the end of a set that is not closed."""
        self._masks: dict[int, int] = {}
        self._numbers: dict[int, int] = {}  # of the waits, by descriptor
        self._fds: dict[int, int] = {}  # the reverse

    def fileno(self) -> int:
        """The socket that is readable when something is ready; `clear` is called before each `poll`."""
        return self.reader.fileno()

    @classmethod
    def fromfd(cls, fd: int) -> NoReturn:
        """:raises NotImplementedError: always: no handle is a standard stream's."""
        raise NotImplementedError

    def register(self, fd: int, mask: int) -> None:
        """Wait for a descriptor.

        :raises OSError: if that is none.
        """
        self._masks[fd] = mask
        try:
            self._begin(fd)
        except BaseException:
            del self._masks[fd]
            raise

    def modify(self, fd: int, mask: int) -> None:
        """Wait for it, whatever has that number now.

        :raises FileNotFoundError: if it was not registered.
        """
        if fd not in self._masks:
            raise FileNotFoundError(fd)
        self.unregister(fd)
        self.register(fd, mask)

    def unregister(self, fd: int) -> None:
        """Wait for it no longer.

        :raises FileNotFoundError: if it was not registered.
        """
        if self._masks.pop(fd, None) is None:
            raise FileNotFoundError(fd)
        number = self._numbers.pop(fd, 0)
        self._fds.pop(number, None)
        self._waits.end(number)

    def clear(self) -> None:
        """Make the socket unreadable, until something is ready."""
        try:
            while len(self.reader.recv(_MOST)) == _MOST:
                pass
        except BlockingIOError:
            pass

    def poll(self, timeout: float = 0) -> Iterator[tuple[int, int]]:
        """What is ready; each is waited for again when the next is asked for.  Does not block."""
        try:
            while number := self._waits.take():
                fd = self._fds.pop(number)
                del self._numbers[fd]
                try:
                    yield fd, _poller.READABLE
                finally:
                    if fd in self._masks and fd not in self._numbers:
                        self._begin_again(fd)
        except BaseException:
            self._writer.send(b" ")  # the rest is looked at next time
            raise

    def _begin_again(self, fd: int) -> None:
        try:
            self._begin(fd)
        except OSError:  # it was closed
            del self._masks[fd]

    def _begin(self, fd: int) -> None:
        mask = self._masks[fd]
        number = self._waits.begin(fd, bool(mask & _poller.READABLE), bool(mask & _poller.WRITABLE))
        self._numbers[fd] = number
        self._fds[number] = fd
