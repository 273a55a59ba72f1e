"""Windows: waiting for several handles and sockets.

A process, or an event, is waited for as it is.  A pipe is read from: nothing, by an overlapped operation, which ends
when there is something to read or no writer is left.  The system waits for 64 handles at most: where there are more, or
sockets among them, the poller looks at the rest from time to time.
"""

from __future__ import annotations

import _winapi
import sys
import time
from collections.abc import Iterable

from processing_core._native import _kernel
from processing_core.annotations import Any, Self

assert sys.platform == "win32"  # for type checkers

__all__ = ["HUNG_UP", "READABLE", "WRITABLE", "Poller", "is_socket"]

READABLE, WRITABLE, HUNG_UP = 1, 4, 16
"""What a `Poller` may be told to wait for, and says; it always waits for `HUNG_UP`."""

_MOST = 60  # handles that are waited for at once
_SLICE = 0.01  # seconds between two looks at what is not waited for
_FILE_TYPE_PIPE = 3
_SOCKET = 4
"""In the identity that the kernel gives a handle, what tells that it is a socket's."""
_BROKEN_PIPE, _NO_DATA, _IO_PENDING = 109, 232, 997


def _is_pipe_or_socket(handle: int) -> bool:
    try:
        return _winapi.GetFileType(handle) == _FILE_TYPE_PIPE
    except OSError:
        return False  # an event or a process


def is_socket(handle: int) -> bool:
    """Whether a handle is that of a socket."""
    identity = _kernel.file_identity(handle)
    return identity is not None and identity[0] == _SOCKET


def _number_of(fd: Any) -> int:
    if isinstance(fd, int):
        return fd
    try:
        return int(fd.fileno())
    except AttributeError:
        raise TypeError(f"a descriptor must be an int, or have a fileno() method: {fd!r}") from None


class Poller:
    """Waits for several descriptors, as `select.poll` does elsewhere."""

    def __init__(self) -> None:
        self._events: dict[int, int] = {}

    def register(self, fd: Any, events: int = READABLE | WRITABLE) -> None:
        """Wait for these events, too."""
        self._events[_number_of(fd)] = events

    modify = register

    def unregister(self, fd: Any) -> None:
        """Wait for it no longer.

        :raises KeyError: if it was not registered.
        """
        del self._events[_number_of(fd)]

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """Wait for an event; blocks, and signal handlers run.

        :param timeout: milliseconds; ``None`` waits for ever.
        :return: (descriptor, events); empty if the time was up.
        """
        deadline = None if timeout is None or timeout < 0 else time.monotonic() + timeout / 1000
        sockets = [fd for fd in self._events if is_socket(fd)]
        with _Handles(fd for fd in self._events if fd not in sockets) as handles:
            while True:
                whole = not sockets and handles.few
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                pause = left if whole else _SLICE if left is None else min(_SLICE, left)
                ready = self._ready(sockets) if sockets else []
                ready += handles.ready(0.0 if ready else pause)
                if ready or left == 0.0:
                    return ready

    def _ready(self, sockets: list[int]) -> list[tuple[int, int]]:
        import select

        reading = [fd for fd in sockets if self._events[fd] & READABLE]
        writing = [fd for fd in sockets if self._events[fd] & WRITABLE]
        found: dict[int, int] = {}
        readable, writable, failed = select.select(reading, writing, sockets, 0)
        for fds, event in ((readable, READABLE), (writable, WRITABLE), (failed, HUNG_UP)):
            for fd in fds:
                found[fd] = found.get(fd, 0) | event
        return list(found.items())


class _Handles:
    """Handles that are waited for, and the reads that were begun for pipes."""

    def __init__(self, fds: Iterable[int]) -> None:
        self._fds = list(fds)
        self._waited: dict[int, int] = {}  # what the system waits for, and the descriptor that it stands for
        self._reads: list[Any] = []
        self._at_once: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        try:
            for fd in self._fds:
                self._begin(fd)
        except BaseException:
            self._cancel()
            raise
        return self

    def __exit__(self, *unused: object) -> None:
        self._cancel()

    @property
    def few(self) -> bool:
        """Whether the system waits for all of them at once."""
        return len(self._waited) <= _MOST

    def ready(self, seconds: float | None) -> list[tuple[int, int]]:
        """Those that are ready within that many seconds."""
        handles = list(self._waited)
        if self._at_once or not handles:
            if not self._at_once and seconds:
                time.sleep(seconds)
            return [*self._at_once, *self._signalled(handles)]
        milliseconds = _winapi.INFINITE if seconds is None else min(int(seconds * 1000 + 0.999), 0x7FFFFFFF)
        first = _winapi.WaitForMultipleObjects(handles[:_MOST], False, milliseconds)
        return [] if first == _winapi.WAIT_TIMEOUT and self.few else self._signalled(handles)

    def _signalled(self, handles: list[int]) -> list[tuple[int, int]]:
        signalled = [h for h in handles if _winapi.WaitForSingleObject(h, 0) == _winapi.WAIT_OBJECT_0]
        return [(self._waited[handle], READABLE) for handle in signalled]

    def _begin(self, fd: int) -> None:
        if not _is_pipe_or_socket(fd):
            _winapi.WaitForSingleObject(fd, 0)  # says so if it is not open
            self._waited[fd] = fd
            return
        try:
            read, error = _winapi.ReadFile(fd, 0, overlapped=True)
        except OSError as failure:
            if failure.winerror not in (_BROKEN_PIPE, _NO_DATA):
                raise
            self._at_once.append((fd, HUNG_UP))
            return
        if error == _IO_PENDING:
            self._reads.append(read)
            self._waited[read.event] = fd
        else:
            self._at_once.append((fd, READABLE))

    def _cancel(self) -> None:
        while self._reads:
            read = self._reads.pop()
            read.cancel()
            try:
                read.GetOverlappedResult(True)
            except OSError:
                pass  # it was cancelled, or the pipe has hung up
