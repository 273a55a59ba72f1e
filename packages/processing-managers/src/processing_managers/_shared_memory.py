"""`SharedMemory`: memory with a name, by which unrelated processes meet."""

import mmap
import os
from contextlib import suppress
from typing import Any

from processing_managers import _leftovers
from processing_managers._named import names

__all__ = ["SharedMemory"]


class SharedMemory:
    """A block of memory with a name, for any process on this machine.

    What only the processes of one family share needs no name: a `RawArray` lives as long as
    somebody has it, and nobody has to unlink it.

    The memory lives until it was unlinked *and* everybody has closed it.  Who merely attaches to
    it never unlinks it by ending.

    :param name: its name; ``None``, with ``create``, for a new one.
    :param create: whether to make it, or attach to what is there.
    :param size: bytes, when it is made; when it is attached to, its size is what it is.
    :param track: unlink it when the family's root ends, if nobody did before.  Counts where it is made.
    :raises TypeError: if the name is not a str, or the size not an integer.
    :raises ValueError: if the size is negative, or zero for new memory, or a name is missing, or the
        memory attached to is empty.
    :raises FileExistsError: if it is to be made, and the name is taken.
    :raises FileNotFoundError: if it is not to be made, and there is none.
    :raises OSError: if the system refuses, as it does a slash within a name.

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
    _buf: "memoryview[int] | None" = None

    def __init__(self, name: str | None = None, create: bool = False, size: int = 0, *, track: bool = True) -> None:
        _check(name, create, size)
        if create:
            self._name, self._fd = _create(name, size, track)
        else:
            self._name = (name or "").removeprefix("/")
            self._fd = names.open(self._name)
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

    @property
    def buf(self) -> "memoryview[int]":
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
        with suppress(OSError, BufferError):
            self.close()

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
    """Make it, at its full size."""
    chosen = _leftovers.new_name(track) if name is None else name.removeprefix("/")
    try:
        fd = names.create(chosen)
    except FileExistsError:
        if name is not None:
            raise
        return _create(None, size, track)
    try:
        os.ftruncate(fd, size)
        if track and name is not None:
            _leftovers.remember(chosen)
    except BaseException:
        os.close(fd)
        names.unlink(chosen)
        raise
    return chosen, fd
