"""Windows: named pipes, in the place of sockets, for ``AF_PIPE``.

Only processes of this user on this machine may connect.  A pipe is read as far as there is something, so no read waits
in the system.  A write waits there while the pipe is full; one that a signal handler interrupts is cancelled, and
nothing more can be sent then, because the system does not tell how much of it has gone.
"""

from __future__ import annotations

import _winapi
import ctypes
import errno
import os
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from ctypes import wintypes
from functools import cache, partial
from operator import itemgetter

from processing_core.annotations import Any, Self
from processing_core.lowlevel import READABLE, Poller, polled

assert sys.platform == "win32"  # for type checkers

__all__ = ["PipeSocket", "is_pipe", "read_pipe", "write_pipe"]

_SIZE = 1 << 16  # bytes that a pipe holds in each direction, and that are written at once
_FIRST, _OVERLAPPED, _REJECT_REMOTE_CLIENTS = 0x80000, 0x40000000, 0x8
_NO_IMPERSONATION = 0x110000  # SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION: the server learns who, and no more
_FILE_TYPE_PIPE = 3
_QUERY, _TOKEN_USER, _SDDL_REVISION = 0x8, 1, 1
_BROKEN = {109, 232, 233, 995}
"""The other end is gone: ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED; or this process has hung up:
ERROR_OPERATION_ABORTED."""
_PIPE_BUSY, _PIPE_CONNECTED, _IO_PENDING, _NO_DATA = 231, 535, 997, 232
_MOST_LISTENING = 16  # pipes to which clients may have connected before they are accepted
_PENDING = 0x103  # STATUS_PENDING
_LONGEST_END = 1.0  # seconds
_LOOK = 10  # milliseconds between two looks whether an operation has ended
_CANCELLED = 0xC0000120
"""STATUS_CANCELLED: the system cancels what a thread has begun when the thread ends.  Ours if it was not begun yet."""
_IS_HANDLE = (-1).__lt__
_SLICE = 0.05  # seconds in which Ctrl-C is seen while all the listener's pipes are taken

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_security = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel32.CreateEventW.restype = wintypes.HANDLE
_kernel32.LocalFree.argtypes = [ctypes.c_void_p]

_interrupted: set[int] = set()
_hung_up: set[int] = set()
"""The pipes to which nothing more can be sent, and those that this process has hung up; changed by single operations
of a set."""


class _Overlapped(ctypes.Structure):
    _fields_ = (
        ("status", ctypes.c_void_p),
        ("size", ctypes.c_void_p),
        ("at", ctypes.c_uint64),
        ("event", wintypes.HANDLE),
    )


class _Attributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_ = (("size", wintypes.DWORD), ("descriptor", ctypes.c_void_p), ("inherited", wintypes.BOOL))


class PipeSocket:
    """What `Listener` and `Client` use of a socket, for a named pipe.

    :param pipe: a connected one.
    :param owned: whether it belongs to this object from now on.
    """

    class family:  # noqa: N801 - as a socket's
        """As ``socket.AddressFamily``."""

        name = "AF_PIPE"

    _owned = False
    _pipe = -1
    _event = 0  # a listening one's: set when a client has connected to one of the pipes

    def __init__(self, pipe: int = -1, owned: bool = True) -> None:
        self._owned = owned  # first: an object that a signal handler leaves unfinished closes nothing of others
        self._pipe = pipe
        self._fresh: list[int] = []  # pipes to which no client may connect yet
        self._listening: list[tuple[int, _Overlapped]] = []  # its pipes, each with the operation that lets one connect
        self._address = ""
        self._timeout: float | None = None

    def fileno(self) -> int:
        """The pipe's handle; a listening one's is an event."""
        return self._event or self._pipe

    def setblocking(self, blocks: bool) -> None:
        """Nothing: see `set_blocking` of this folder."""

    def setsockopt(self, *unused: object) -> None:
        """Nothing: pipes have no options."""

    def settimeout(self, seconds: float | None) -> None:
        """How long `connect` waits, and the listener's `accept` where it is given no timeout."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """What `settimeout` was given: the program's ``socket.setdefaulttimeout`` is not for pipes."""
        return self._timeout

    def getsockname(self) -> str:
        """The address."""
        return self._address

    def detach(self) -> int:
        """The handle, which belongs to the caller from now on; -1 if another thread has taken it."""
        taken: list[int] = []
        try:
            # In one step: two threads would both close it.  If a signal handler raises behind it, this object keeps it.
            any(map(taken.append, map(self.__dict__.pop, ("_pipe",), (-1,))))
            return taken[0]
        except BaseException:
            any(map(partial(setattr, self, "_pipe"), taken))
            raise

    def close(self) -> None:
        """Close it; a second call does nothing, nor does one of another thread meanwhile."""
        while self._listening:
            self._end_listening()
        while self._fresh:
            self._end_fresh()
        # Closed by C functions: an exception of a signal handler in between would leave them open.
        any(map(_winapi.CloseHandle, filter(None, map(self.__dict__.pop, ("_event",), (0,)))))
        any(map(_winapi.CloseHandle, filter(_IS_HANDLE, map(self.__dict__.pop, ("_pipe",), (-1,)))))

    def __del__(self) -> None:
        if self._owned:
            self.close()

    def _end_listening(self) -> None:
        """Close the last of the listening pipes, unless another thread has taken it."""
        taken: list[tuple[int, _Overlapped]] = []
        with suppress(IndexError):
            try:
                any(map(taken.append, map(self._listening.pop, (-1,))))
                _cancel(*taken[0])
                any(map(_winapi.CloseHandle, map(itemgetter(0), map(taken.pop, (-1,)))))
            except BaseException:
                self._listening.extend(taken)  # a signal handler has raised: the next call closes it
                raise

    def _end_fresh(self) -> None:
        """Close the last of the pipes that do not listen yet, unless another thread has taken it."""
        with suppress(IndexError):
            any(map(_winapi.CloseHandle, map(self._fresh.pop, (-1,))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    # -- a listener's side

    def bind(self, address: str | None) -> None:
        """Give it its name, or one that no other has.

        :raises OSError: if the name is taken.
        """
        self._address = address or rf"\\.\pipe\processing-{os.urandom(16).hex()}"
        self._make(_FIRST)

    def listen(self, backlog: int) -> None:
        """Let clients connect, that many and at most 16 before the first is accepted; the others wait."""
        # Noted by a C function, as are the pipes: behind the call a signal handler may raise.
        any(map(partial(setattr, self, "_event"), map(_kernel32.CreateEventW, (None,), (True,), (False,), (None,))))
        _checked(self._event)
        self._let_connect()
        for _ in range(min(backlog, _MOST_LISTENING) - 1):
            self._make(0)
            self._let_connect()
        self._note_connected()

    def accept(self) -> tuple[PipeSocket, str]:
        """The connection of a client that waits.

        :raises BlockingIOError: if there is none.
        """
        # The event is reset before the operations are looked at: what ends later sets it again.
        _kernel32.ResetEvent(wintypes.HANDLE(self._event))
        try:
            for listening in [each for each in self._listening if each[1].status != _PENDING]:
                if listening[1].status == _CANCELLED:
                    _begin(*listening)
                    continue
                self._make(0)
                self._let_connect()
                return self._accepted(listening), ""
            raise BlockingIOError(errno.EAGAIN, "no client waits")
        finally:
            self._note_connected()

    def _accepted(self, listening: tuple[int, _Overlapped]) -> PipeSocket:
        """One of the listening pipes, whose client has connected."""
        made, taken = PipeSocket(), False
        try:
            self._listening.remove(listening)
            taken = True
            made._pipe = listening[0]
        except ValueError:
            raise BlockingIOError(errno.EAGAIN, "another thread has accepted it, or closed the listener") from None
        except BaseException:
            if made._pipe < 0 and (taken or listening not in self._listening):  # a signal handler has raised
                self._listening.append(listening)
            raise
        return made

    def shutdown(self, how: int) -> None:
        """Wake the thread that waits for a client; of a connected pipe, those that read and write.

        What was written can be read by the other end still, which sees the end of the pipe when this one is closed.
        """
        if self._event:
            _kernel32.SetEvent(wintypes.HANDLE(self._event))
            return
        # In this order: a thread looks whether it was hung up after it has begun an operation.
        _hung_up.add(self._pipe)
        _kernel32.CancelIoEx(wintypes.HANDLE(self._pipe), None)

    def _make(self, first: int) -> None:
        """Make a pipe, which is among the fresh ones as soon as there is one."""
        any(
            map(
                self._fresh.append,
                map(
                    _winapi.CreateNamedPipe,
                    (self._address,),
                    (_winapi.PIPE_ACCESS_DUPLEX | _OVERLAPPED | first,),
                    (_REJECT_REMOTE_CLIENTS,),
                    (_winapi.PIPE_UNLIMITED_INSTANCES,),
                    (_SIZE,),
                    (_SIZE,),
                    (0,),
                    (ctypes.addressof(_of_this_user()),),
                ),
            )
        )

    def _let_connect(self) -> None:
        """Let a client connect to the last of the fresh pipes."""
        operation = _Overlapped(_CANCELLED, event=self._event)
        any(map(self._listening.append, zip(map(self._fresh.pop, (-1,)), (operation,), strict=True)))
        _begin(*self._listening[-1])

    def _note_connected(self) -> None:
        if any(operation.status != _PENDING for _, operation in self._listening):
            self.shutdown(socket.SHUT_RDWR)

    # -- a client's side

    def connect(self, address: str) -> None:
        """Connect; blocks while the listener has not accepted the client before.

        :raises TimeoutError: if the time of `settimeout` was up.
        """
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                opened = map(
                    _winapi.CreateFile,
                    (address,),
                    (_winapi.GENERIC_READ | _winapi.GENERIC_WRITE,),
                    (0,),
                    (0,),
                    (_winapi.OPEN_EXISTING,),
                    (_OVERLAPPED | _NO_IMPERSONATION,),
                    (0,),
                )
                any(map(partial(setattr, self, "_pipe"), opened))
                return
            except OSError as error:
                if error.winerror != _PIPE_BUSY:
                    raise
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(errno.ETIMEDOUT, "the listener is busy")
            try:
                _winapi.WaitNamedPipe(address, int(_SLICE * 1000))
            except OSError as error:
                if error.winerror != _winapi.ERROR_SEM_TIMEOUT:
                    raise

    def recv(self, size: int, flags: int = 0) -> bytes:
        """What can be read, which stays there if ``flags`` are `socket.MSG_PEEK`; does not block.

        :raises BlockingIOError: if that is nothing.
        """
        if not flags & socket.MSG_PEEK:
            return _taken(self._pipe, size)
        there = _winapi.PeekNamedPipe(self._pipe, size)[0]
        if not there:
            raise BlockingIOError(errno.EAGAIN, "nothing can be read now")
        return bytes(there)


def is_pipe(fd: int) -> bool:
    """Whether a handle is a pipe's or a socket's; `is_socket` parts these."""
    try:
        return _winapi.GetFileType(fd) == _FILE_TYPE_PIPE
    except OSError:
        return False


def peer_of(pipe: int) -> int:
    """The pid of the client of an accepted pipe; 0 if the system does not tell it."""
    pid = wintypes.ULONG()
    _kernel32.GetNamedPipeClientProcessId(wintypes.HANDLE(pipe), ctypes.byref(pid))
    return pid.value


def read_pipe(pipe: int, size: int, blocks: bool) -> bytes:
    """As `read` of this folder."""
    while True:
        try:
            return _taken(pipe, size)
        except BlockingIOError:
            if pipe in _hung_up:
                return b""
            if not blocks:
                raise
            _await_data(pipe)


def _await_data(pipe: int) -> None:
    """Wait until there is something to read, or nothing will be any more.  It may return earlier."""
    try:
        operation, error = _winapi.ReadFile(pipe, 0, overlapped=True)
    except OSError as failure:
        if failure.winerror not in _BROKEN:
            raise
        return  # the next read tells of it
    try:
        if error == _IO_PENDING and pipe not in _hung_up:
            poller = Poller()
            poller.register(operation.event, READABLE)
            polled(poller, None)
    finally:
        operation.cancel()
        with suppress(OSError):  # it was cancelled, or the pipe has hung up
            operation.GetOverlappedResult(True)


def _taken(pipe: int, size: int) -> bytes:
    try:
        there = int(_winapi.PeekNamedPipe(pipe)[0])
        if not there:
            raise BlockingIOError(errno.EAGAIN, "nothing can be read now")
        operation, _ = _winapi.ReadFile(pipe, min(size, there), overlapped=True)
        operation.GetOverlappedResult(True)  # does not wait: it is there
        return operation.getbuffer() or b""
    except OSError as error:
        if getattr(error, "winerror", None) in _BROKEN:
            return b""
        raise


def write_pipe(pipe: int, parts: Sequence[bytes | memoryview], blocks: bool) -> int:
    """As `write` of this folder."""
    _check_writable(pipe)
    data = b"".join(part[:_SIZE] for part in parts)[:_SIZE]
    try:
        operation, error = _winapi.WriteFile(pipe, data, overlapped=True)
        if error == _IO_PENDING:
            _await(pipe, operation, blocks)
        return operation.GetOverlappedResult(True)[0]
    except OSError as error:
        raise _as_broken(error) from None


def _check_writable(pipe: int) -> None:
    if pipe in _hung_up:
        raise BrokenPipeError(errno.EPIPE, "this process has hung up")
    if pipe in _interrupted:
        raise BrokenPipeError(errno.EPIPE, "an earlier message was interrupted while it was sent")


def _await(pipe: int, operation: Any, blocks: bool) -> None:
    poller = Poller()
    poller.register(operation.event, READABLE)
    try:
        _check_writable(pipe)
        if not polled(poller, None if blocks else 0.0):
            raise BlockingIOError(errno.EAGAIN, "nothing can be written now")
    except BaseException:
        _interrupted.add(pipe)
        operation.cancel()
        raise


_begun: dict[int, Any] = {}
"""The writes that were begun for tasks of an event loop, by pipe; changed by single operations of a dictionary."""


def begin_write(pipe: int, parts: Sequence[bytes | memoryview]) -> int:
    """As `write_now` of this folder: what the pipe does not take at once the system writes when there is room.

    So a task that is cancelled leaves no message half-written, as long as the pipe is not closed.
    """
    finish_write(pipe)
    _check_writable(pipe)
    data = b"".join(part[:_SIZE] for part in parts)[:_SIZE]
    try:
        _begun[pipe] = _winapi.WriteFile(pipe, data, overlapped=True)[0]
    except OSError as error:
        raise _as_broken(error) from None
    return len(data)


def finish_write(pipe: int) -> None:
    """As `finish_now` of this folder."""
    operation = _begun.get(pipe)
    if operation is None:
        return
    if _winapi.WaitForSingleObject(operation.event, 0) != _winapi.WAIT_OBJECT_0:
        raise BlockingIOError(errno.EAGAIN, "it is not written yet")
    del _begun[pipe]
    try:
        operation.GetOverlappedResult(False)
    except OSError as error:
        raise _as_broken(error) from None


def event_of_write(pipe: int) -> int:
    """What is set when a write that was begun has ended."""
    operation = _begun.get(pipe)
    return pipe if operation is None else int(operation.event)


def _as_broken(error: OSError) -> OSError:
    if getattr(error, "winerror", None) in _BROKEN:
        return BrokenPipeError(errno.EPIPE, "the other end is gone")
    return error


def forget(pipe: int) -> None:
    """The handle is that of a new pipe."""
    _interrupted.discard(pipe)
    _hung_up.discard(pipe)
    _begun.pop(pipe, None)


def _checked(handle: int | None) -> int:
    if not handle:
        raise ctypes.WinError(ctypes.get_last_error())
    return handle


def _begin(pipe: int, operation: _Overlapped) -> None:
    """Let a client connect to a pipe.  The system resets the operation's event at that."""
    if _kernel32.ConnectNamedPipe(wintypes.HANDLE(pipe), ctypes.byref(operation)):
        return
    error = ctypes.get_last_error()
    if error in (_PIPE_CONNECTED, _NO_DATA):  # a client was faster, and may be gone already
        operation.status = None
    elif error != _IO_PENDING:
        operation.status = _CANCELLED
        raise ctypes.WinError(error)


def _cancel(pipe: int, operation: _Overlapped) -> None:
    """End an operation; the system writes into it until then.

    Its event is that of the other operations, too, and set for other reasons: it does not say that this one has ended.
    """
    _kernel32.CancelIoEx(wintypes.HANDLE(pipe), ctypes.byref(operation))
    deadline = time.monotonic() + _LONGEST_END
    while operation.status == _PENDING:
        _kernel32.ResetEvent(wintypes.HANDLE(operation.event))
        if operation.status == _PENDING:
            _winapi.WaitForSingleObject(operation.event, _LOOK)
        if time.monotonic() > deadline:
            _unended.append(operation)
            return


_unended: list[_Overlapped] = []
"""Operations that the system has not ended in time, and still may write into."""


@cache
def _of_this_user() -> _Attributes:
    """Attributes that let this process's user open what has them, and no other."""
    descriptor = ctypes.c_void_p()
    told = _security.ConvertStringSecurityDescriptorToSecurityDescriptorW(
        f"D:P(A;;GA;;;{_user()})", _SDDL_REVISION, ctypes.byref(descriptor), None
    )
    _checked(told)
    return _Attributes(ctypes.sizeof(_Attributes), descriptor, False)


def _user() -> str:
    """The name of this process's user in a security descriptor: an SID."""
    token, size, name = wintypes.HANDLE(), wintypes.DWORD(), ctypes.c_wchar_p()
    _checked(_security.OpenProcessToken(wintypes.HANDLE(-1), _QUERY, ctypes.byref(token)))
    try:
        user = (ctypes.c_void_p * 64)()  # TOKEN_USER, which begins with the address of the SID
        _checked(
            _security.GetTokenInformation(
                token, _TOKEN_USER, ctypes.byref(user), ctypes.sizeof(user), ctypes.byref(size)
            )
        )
        _checked(_security.ConvertSidToStringSidW(ctypes.c_void_p(user[0]), ctypes.byref(name)))
    finally:
        _kernel32.CloseHandle(token)
    try:
        return str(name.value)
    finally:
        _kernel32.LocalFree(ctypes.cast(name, ctypes.c_void_p))
