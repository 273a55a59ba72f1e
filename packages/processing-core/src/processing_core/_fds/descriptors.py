"""File descriptors that have an owner, how this project comes by them, and waiting for some.

No module makes a descriptor but by a function of this one or of `sockets`: so none has the number of a standard
stream, and the error of a process that has run out of them names the limit.
"""

from __future__ import annotations

import errno
import functools
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat, starmap

from processing_core._native import _kernel
from processing_core._platform import READABLE, Poller, open_ends, open_process
from processing_core._platform import close as close_descriptor
from processing_core.annotations import TYPE_CHECKING, Any, ParamSpec, Self, TypeAlias, TypeVar

if TYPE_CHECKING:
    import _socket

    from processing_core._platform import DescriptorSet

__all__ = [
    "Deposits",
    "Descriptor",
    "Lent",
    "Numbers",
    "Reduced",
    "borrowed_socket",
    "duplicate",
    "hung_up",
    "is_scarcity",
    "limit_named",
    "open_file",
    "open_pidfd",
    "open_pipe",
    "open_set",
    "opened",
    "polled",
    "polled_now",
    "readable",
    "register_transport",
    "scarcity",
    "timeval",
]

P = ParamSpec("P")
T = TypeVar("T")

if sys.platform == "win32":
    from processing_core._platform._windows import opened_handle as _open
else:
    _open = os.open
_NOT_INHERITED: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)

_STANDARD = 2
"""The descriptors of the standard streams end with this one."""

_IS_NUMBER = (-1).__lt__
"""Whether it is the number of a descriptor."""


class Descriptor:
    """A file descriptor that is closed when its owner drops it.

    It is never one of the standard streams', which a program may have closed: given one, it moves. If the program
    closes it, and opens something else under its number, that is not touched.  Where a descriptor is unpickled, a copy
    of it arrives; each pickle is good for one.

    :param fd: the number, which belongs to this object from now on.
    :raises OSError: if it had to move, and this process may open no more.
    """

    _fd = -1
    _identity: tuple[int, int] | None = None  # as long as a signal handler has kept it from being found out

    def __init__(self, fd: int) -> None:
        self._fd = fd if fd > _STANDARD or fd < 0 else _kernel.above_standard(fd)
        self._identity = _kernel.file_identity(self._fd)

    @classmethod
    def of(cls, make: Callable[..., int], *arguments: Any) -> Self:
        """What a C function makes, or gives away, owned at once; moved if it has a standard stream's number.

        Between a call that returns a number and one that takes it over a signal handler may raise; then the descriptor
        would stay open, and the process at its other side wait for ever.
        """
        made = cls.__new__(cls)
        any(map(functools.partial(setattr, made, "_fd"), starmap(make, (arguments,))))
        made._settle()
        return made

    @classmethod
    def all_of(cls, numbers: list[int]) -> list[Self]:
        """Take over descriptors that another object owned, and leave its list empty."""
        made = [cls.__new__(cls) for _ in numbers]
        any(map(setattr, reversed(made), repeat("_fd"), map(numbers.pop, repeat(-1, len(made)))))
        for one in made:
            one._settle()
        return made

    def _settle(self) -> None:
        if 0 <= self._fd <= _STANDARD:
            any(map(functools.partial(setattr, self, "_fd"), map(_kernel.above_standard, (self.detach(),))))
        self._identity = _kernel.file_identity(self._fd)

    def fileno(self) -> int:
        """The number; -1 once closed."""
        return self._fd

    def is_open(self) -> bool:
        """Whether it is not closed."""
        return self._fd >= 0 and _kernel.file_identity(self._fd) == self._identity

    def detach(self) -> int:
        """The number, which is the caller's to close from now on; -1 if another thread has taken it."""
        taken: list[int] = []
        try:
            # In one step: two threads would both close it.  If a signal handler raises behind it, this object keeps it.
            any(map(taken.append, map(self.__dict__.pop, ("_fd",), (-1,))))
            return taken[0]
        except BaseException:
            any(map(functools.partial(setattr, self, "_fd"), taken))
            raise

    def close(self) -> None:
        """Close it; a second call does nothing, nor does one of another thread meanwhile."""
        if self.is_open():
            # The number is taken in one step: of two threads, the second would close what was opened under it since.
            # And closed by C functions: an exception of a signal handler in between would leave it open.
            any(map(close_descriptor, filter(_IS_NUMBER, map(self.__dict__.pop, ("_fd",), (-1,)))))
        self._fd = -1

    def __del__(
        self,
        _close: Callable[[int], None] = close_descriptor,
        _identity: Callable[[int], object] = _kernel.file_identity,
    ) -> None:
        if self._fd >= 0 and self._identity in (None, _identity(self._fd)):
            _close(self._fd)

    def __reduce__(self) -> Reduced:
        return _Transport.send(self._fd)


class Lent:
    """A descriptor that another object owns, in that object's pickle; unpickling makes a `Descriptor` of it.

    A copy would stay open as long as a failed pickling is remembered by its traceback.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def detach(self) -> int:
        """A copy of it: to ``copy.copy`` it is that of the original."""
        return Descriptor.of(duplicate, self._fd).detach()

    def __reduce__(self) -> Reduced:
        return _Transport.send(self._fd)


class Numbers(list[int]):
    """What C functions have made, by number; it closes those that no `Descriptor.all_of` has taken over.

    They are its own as soon as they are made, if ``map`` calls both the function and ``extend``.
    """

    def __del__(self, _close: Callable[[int], None] = close_descriptor) -> None:
        for fd in self:
            _close(fd)


Reduced: TypeAlias = "tuple[Callable[..., Descriptor], tuple[object, ...]]"
"""What ``__reduce__`` of a descriptor returns: a function of the receiver's, and its arguments."""


class _Transport:
    send: Callable[[int], Reduced]


def register_transport(send: Callable[[int], Reduced]) -> None:
    """Have pickled descriptors sent by ``send``, which is called with the number of each."""
    _Transport.send = staticmethod(send)


class Deposits:
    """How many descriptors were deposited for others to fetch; changed with forks kept out."""

    made = 0


def is_scarcity(error: BaseException | None) -> bool:
    """Whether an error says that this process, or the system, has run out of descriptors."""
    return isinstance(error, OSError) and _text_for(error) is not None


def _text_for(error: OSError) -> str | None:
    return None if error.errno is None else _kernel.descriptor_scarcity(error.errno)


def scarcity() -> OSError:
    """The error of a process that lacks descriptors, where the system does not raise it: some did not arrive."""
    return OSError(errno.EMFILE, _kernel.descriptor_scarcity(errno.EMFILE))


class _LimitNamed:
    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, OSError):
            _name_limit(error)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def named(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except OSError as error:
                _name_limit(error)
                raise

        return named


_limit_named = _LimitNamed()


def limit_named() -> _LimitNamed:
    """Let an `OSError` that leaves this block or function name the limit, if descriptors have run out."""
    return _limit_named


def _name_limit(error: OSError) -> None:
    text = _text_for(error)
    if text is not None and "(" not in (error.strerror or ""):  # else it is said already
        error.strerror = text


duplicate: Callable[[int], int] = _kernel.duplicate


def opened(path: str, flags: int, mode: int = 0o777) -> Descriptor:
    """Open a file, as ``os.open`` does; on Windows it has no number for ``os.read`` and its like."""
    with limit_named():
        return Descriptor.of(_open, path, flags | _NOT_INHERITED, mode)


def open_file(path: str, flags: int, mode: int = 0o777) -> int:
    """The number of a file for ``os.read`` and its like; it is the caller's to close, by ``os.close``."""
    if sys.platform == "win32":
        with limit_named():
            return os.open(path, flags | _NOT_INHERITED, mode)
    return opened(path, flags, mode).detach()


def open_pipe() -> tuple[Descriptor, Descriptor]:
    """The ends of a new pipe, for reading and for writing."""
    with limit_named():
        numbers = Numbers()
        any(map(numbers.extend, starmap(open_ends, ((),))))
        read_end, write_end = Descriptor.all_of(numbers)
        return read_end, write_end


def open_pidfd(pid: int) -> Descriptor:
    """A descriptor of a process, which is readable once that has ended."""
    with limit_named():
        return Descriptor.of(open_process, pid)


def open_set() -> DescriptorSet:
    """An empty set of descriptors."""
    from processing_core._platform import DescriptorSet  # here, for it may have imports of its own

    with limit_named():
        made = DescriptorSet()
        if made.fileno() > _STANDARD:
            return made
        try:
            return DescriptorSet.fromfd(duplicate(made.fileno()))
        finally:
            made.close()


def polled_now(fd: int, mask: int) -> bool:
    """Whether a descriptor is ready for ``mask``."""
    poller = Poller()
    poller.register(fd, mask)
    return bool(poller.poll(0))


if sys.platform == "win32":
    from processing_core._platform._windows_sockets import borrowed_socket as borrowed_socket
else:

    @contextmanager
    def borrowed_socket(fd: int) -> Iterator[_socket.socket]:
        """A socket object for a descriptor that stays its owner's: it takes no descriptor of its own."""
        import _socket  # here, for most programs need not import it

        blocks = os.get_blocking(fd)
        made: list[_socket.socket] = []
        try:
            # Noted by the C function that makes it: a signal handler that raises just behind it must not have it
            # dropped, for that would close its owner's descriptor.
            any(map(made.append, map(_socket.socket, (-1,), (-1,), (-1,), (fd,))))
            borrowed = made[0]
            if borrowed.gettimeout() is not None:  # the program's `socket.setdefaulttimeout`, which is not for us
                borrowed.settimeout(None if blocks else 0.0)
            yield borrowed
        finally:
            for borrowed in made:
                borrowed.detach()


def hung_up() -> Descriptor:
    """A descriptor that is readable for ever: in the place of one of a process that has ended."""
    read_end, write_end = open_pipe()
    write_end.close()
    return read_end


def readable(fd: int, timeout: float | None) -> bool:
    """Wait until ``fd`` has something to read or has hung up.

    Blocks; signal handlers run.

    :param timeout: seconds; ``None`` waits for ever.
    """
    poller = Poller()
    poller.register(fd, READABLE)
    return bool(polled(poller, timeout))


def polled(poller: Poller, timeout: float | None) -> list[tuple[int, int]]:
    """Wait for an event at one of the descriptors that are registered with ``poller``.

    Blocks; signal handlers run.

    :param timeout: seconds; ``None`` waits for ever.
    :return: (descriptor, events); empty if the time was up.
    """
    if timeout is None:
        return poller.poll()
    if timeout <= 0:
        return poller.poll(0)
    deadline = time.monotonic() + timeout
    while True:
        left = max(0.0, deadline - time.monotonic())
        # Rounded up: otherwise the last millisecond would be spent spinning.
        if (ready := poller.poll(min(left * 1000 + 0.999, 1e9))) or left == 0.0:
            return ready


def timeval(seconds: int) -> bytes:
    """A time as socket options take it (``SO_RCVTIMEO``, socket(7))."""
    return struct.pack("@ll", seconds, 0)
