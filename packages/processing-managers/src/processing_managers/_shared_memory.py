"""`SharedMemory`: memory with a name, by which unrelated processes meet."""

from __future__ import annotations

import mmap
import os
from contextlib import suppress

from processing_core.annotations import Any
from processing_managers import _leftovers
from processing_managers._named import names

__all__ = ["SharedMemory"]


class SharedMemory:
    """A block of memory with a name, for any process on this machine.

    What only the processes of one family share needs no name: a `RawArray` lives as long as
    somebody has it, and nobody has to unlink it.

    The memory lives until it was unlinked *and* everybody has closed it.  Who merely attaches to
    it never unlinks it by ending.  What nobody unlinked goes with the family that made it: when the
    family's root ends, however it ends, or as soon after that as no tracked user has it open.

    :param name: its name; ``None``, with ``create``, for a new one.
    :param create: whether to make it, or attach to what is there.
    :param size: bytes, when it is made; when it is attached to, its size is what it is.
    :param track: where it is made: unlink it with the family, if nobody did before.  Where it is attached to: be
        a tracked user, so that no other family's end unlinks it meanwhile.
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
    _mmap: mmap.mmap | None = None
    _buf: memoryview[int] | None = None

    def __init__(self, name: str | None = None, create: bool = False, size: int = 0, *, track: bool = True) -> None:
        _check(name, create, size)
        self._name, self._fd = _create(name, size, track) if create else _attach(name or "", track)
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
        return self._buf  # type: ignore[return-value]  # as in typeshed: nobody asks for None

    @property
    def name(self) -> str:
        """Its name, by which other processes attach to it."""
        return self._name

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def close(self) -> None:
        """Give up this access to the memory.  Does not block.

        :raises BufferError: if there are views of ``buf`` still.
        """
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
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def unlink(self) -> None:
        """Forget the name, once for all processes; the memory goes when everybody has closed it.  Does not block.

        :raises FileNotFoundError: if it was unlinked before.
        """
        names.unlink(self._name)
        _leftovers.forget(self._identity)

    def __del__(self) -> None:
        self._close_fd()  # views outlive it: they have the mapping, which is a use of its own

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._name, False, self._size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, size={self._size})"


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
    """Make it, and give it a name when all else is done: whoever is killed in between leaves nothing."""
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
        chosen = _leftovers.new_name(track)
        with suppress(FileExistsError):
            names.link(fd, chosen)
            return chosen


def _link_as_chosen(fd: int, name: str, track: bool) -> str:
    identity = os.fstat(fd).st_ino
    if track:
        _leftovers.remember(identity, name)
    try:
        names.link(fd, name)
    except BaseException:
        _leftovers.forget(identity)
        raise
    return name


def _attach(name: str, track: bool) -> tuple[str, int]:
    """Open it; as a tracked user, who gets nothing that is being unlinked."""
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
