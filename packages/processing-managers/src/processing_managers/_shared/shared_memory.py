"""`SharedMemory`: memory with a name, by which unrelated processes meet."""

from __future__ import annotations

import mmap
import operator
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from processing_core.annotations import Any
from processing_core.lowlevel import ThreadRLock, added_attributes, limit_named
from processing_managers._platform import names, opened_section
from processing_managers._shared import leftovers as _leftovers

__all__ = ["SharedMemory", "set_name_maker"]


class SharedMemory:
    """A block of memory with a name, for any process on this machine.

    Memory for the processes of one family needs no name: a `RawArray` exists as long as a process refers to it, and
    need not be unlinked.

    The memory exists until it is unlinked *and* every process has closed it. A process that only attaches to it never
    unlinks it by ending. Memory that no process unlinks is unlinked after the end of the family that made it: when the
    family's root ends, however it ends, or as soon after that as no tracked user has it open.

    :param name: its name; ``None``, with ``create``, for a new one.
    :param create: whether to make it, or to attach to existing memory.
    :param size: bytes, if it is made; ignored if it is attached to.
    :param track: if it is made: unlink it after the family's end, unless a process did before. If it is attached to: be
        a tracked user, so that the end of another family does not unlink it meanwhile.
    :raises TypeError: if the name is not a str, or the size not an integer.
    :raises ValueError: if the size is negative, or zero for new memory, or a name is missing, or the
        memory attached to is empty.
    :raises FileExistsError: if it is to be made, and the name is taken.
    :raises FileNotFoundError: if it is not to be made, and there is none.
    :raises OSError: if the system refuses, as it does a slash within a name, or more bytes than there are.

    >>> from processing_managers.shared_memory import SharedMemory
    >>> memory = SharedMemory(create=True, size=5)
    >>> memory.buf[:] = b"hello"
    >>> other = SharedMemory(memory.name)
    >>> bytes(other.buf[:5])
    b'hello'
    >>> other.close(), memory.close(), memory.unlink()
    (None, None, None)
    """

    # For __del__, whatever of them there is.
    _fd = -1
    _identity = -1  # for an `unlink` of one whose creation failed
    _mmap: mmap.mmap | None = None
    _buf: memoryview[int] | None = None
    _closing = ThreadRLock()

    @limit_named()
    def __init__(self, name: str | None = None, create: bool = False, size: int = 0, *, track: bool = True) -> None:
        size = operator.index(size)
        _check(name, create, size)
        self._closing = ThreadRLock()  # so that of several threads one closes it; a signal handler may, too
        if opened_section is not None:
            self._name, self._mmap, self._size = opened_section(name, create, size, _NameMaker.make)
            self._buf = memoryview(self._mmap)
            return
        chosen, self._fd = _create(name, size, track) if create else _attach(name or "", track)
        self._name = "/" + chosen  # as in multiprocessing, for programs that register it with a `resource_tracker`
        try:
            status = os.fstat(self._fd)
            self._identity, self._size = status.st_ino, status.st_size
            self._mmap = mmap.mmap(self._fd, self._size)
        except BaseException:
            self.close()
            if create:
                self.unlink()
            raise
        self._buf = memoryview(self._mmap)
        if track:
            _leftovers.users.add(self)

    @property
    def buf(self) -> memoryview[int]:
        """A view of the bytes; ``None`` after `close`."""
        return self._buf  # type: ignore[return-value]  # as in typeshed, which ignores that it may be None

    @property
    def name(self) -> str:
        """Its name, by which other processes attach to it."""
        return self._name.removeprefix("/")

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def close(self) -> None:
        """Give up this access to the memory.  Does not block; does nothing if another thread is at it.

        :raises BufferError: if there are views of ``buf`` still.
        """
        try:
            # Not waited for: a fork in another thread may leave the child's copy locked for good.
            if self._closing.acquire(blocking=False):
                self._end()
        finally:
            if self._closing._is_owned():  # type: ignore[attr-defined]  # whatever a signal handler raised, and where
                self._closing.release()

    def _end(self) -> None:
        if self._buf is not None:
            self._buf.release()
            self._buf = None
        if self._mmap is not None:
            self._mmap.close()
            self._mmap = None
        self._close_fd()

    def _end_use(self) -> None:
        """Be no tracked user any more, though it stays open; for the end of the program."""
        if self._fd >= 0:
            names.release(self._fd)

    def _close_fd(self) -> None:
        fd, self._fd = self._fd, -1  # first: an exception of a signal handler must not have it closed twice
        if fd >= 0:
            os.close(fd)

    def unlink(self) -> None:
        """Remove the name for all processes; the memory is freed when every process has closed it. Does not block.

        :raises FileNotFoundError: if it was unlinked before; not by the end of the program, when it unlinks it itself.
        """
        name = self.name
        try:
            names.unlink(name)
        except FileNotFoundError:
            if not _leftovers.are_gone():
                raise
        if not _leftovers.finds(name):
            _leftovers.forget(self._identity)
        tracking = sys.modules.get("processing_core.resource_tracker")
        if tracking is not None:  # the program has one: it may have registered the name
            tracking.unregister(self._name, "shared_memory")

    def __del__(self) -> None:
        self._close_fd()  # views outlive it: they have the mapping, which is a use of its own

    def __reduce__(self) -> tuple[Any, ...]:
        return _attached, (type(self), self.name, self._size), added_attributes(self, _OWN) or None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, size={self._size})"


class _NameMaker:
    make: Callable[[bool], str] = staticmethod(_leftovers.new_name)


def set_name_maker(make: Callable[[bool], str]) -> None:
    """Have ``make`` invent the names of memory that is made without one; it is told whether the memory is tracked."""
    _NameMaker.make = staticmethod(make)


_OWN = frozenset(["_name", "_fd", "_identity", "_size", "_mmap", "_buf", "_closing"])  # attributes


def _attached(cls: type[SharedMemory], name: str, size: int) -> SharedMemory:
    memory = cls.__new__(cls)
    SharedMemory.__init__(memory, name, False, size)  # a subclass's `__init__` may have parameters of its own
    return memory


def _check(name: str | None, create: bool, size: int) -> None:
    if size < 0:
        raise ValueError(f"size {size}: it must not be negative")
    if create and size == 0:
        raise ValueError(f"size {size}: new memory has at least one byte")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name {name!r}: it must be a str")
    if name is None and not create:
        raise ValueError("a name may be missing only where memory is made")


def _create(name: str | None, size: int, track: bool) -> tuple[str, int]:
    """Make it, and give it a name when all else is done: a process that is killed in between leaves nothing."""
    fd = names.make(size)
    try:
        if track:
            names.hold(fd)
        chosen = _link_as_new(fd, track) if name is None else _link_as_chosen(fd, name.removeprefix("/"), track)
        if track:
            _leftovers.watch()
    except BaseException:
        os.close(fd)
        raise
    return chosen, fd


def _link_as_new(fd: int, track: bool) -> str:
    while True:
        chosen = _NameMaker.make(track).removeprefix("/")
        with suppress(FileExistsError):
            return _link_as_chosen(fd, chosen, track)


def _link_as_chosen(fd: int, name: str, track: bool) -> str:
    if not track or _leftovers.finds(name):
        names.link(fd, name)
        return name
    identity = os.fstat(fd).st_ino
    _leftovers.remember(identity, name)
    try:
        names.link(fd, name)
    except BaseException:
        _leftovers.forget(identity)
        raise
    return name


def _attach(name: str, track: bool) -> tuple[str, int]:
    """Open it; a tracked user gets no memory that is being unlinked."""
    name = name.removeprefix("/")
    while True:
        fd = names.open(name)
        try:
            if track:
                names.hold(fd)
            if not track or names.identity(name) == os.fstat(fd).st_ino:
                return name, fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
