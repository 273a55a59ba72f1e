"""An arena as bytes: copies of its parts, in which offsets stand that the kernel tells.

Nothing is written, and no process is stopped: what is read changes meanwhile.  So whatever consists of several words is
read until a word that changes with them is the same before and after; what is torn in each of some attempts is left out
and counted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator

from processing_core._native import _kernel
from processing_core.annotations import Protocol, TypeVar

__all__ = ["ArenaReader", "FileSource", "NotReadable", "OwnSource", "Source", "Torn"]

ATTEMPTS = 20
"""How often something is read that changes while it is read."""

R = TypeVar("R")


class NotReadable(Exception):
    """There is nothing to read, or this process may not read it."""


class Torn(Exception):
    """What was read had changed meanwhile, each time."""


class Source(Protocol):
    """Where the bytes come from."""

    def read(self, offset: int, n: int) -> bytes:
        """A copy of that many bytes; fewer at the end."""


class OwnSource:
    """This process's own arena."""

    def read(self, offset: int, n: int) -> bytes:
        """A copy of that many bytes."""
        return _kernel.read_arena(offset, n)


class FileSource:
    """An arena's file, opened for reading only.

    :param fd: it stays the caller's.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self, offset: int, n: int) -> bytes:
        """A copy of that many bytes; what has no memory is read as zeros, and gets none by that."""
        return os.pread(self._fd, n, offset)


class ArenaReader:
    """The parts of an arena.

    :raises NotReadable: if it is no arena, or that of another version of the kernel.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.at, self.kinds = _kernel.layout()
        header = source.read(0, self.at["arena_header"])
        if len(header) < self.at["arena_header"] or self.word_in(header, "arena_header.magic") != _MAGIC:
            raise NotReadable("this is no arena")
        (version,) = struct.unpack_from("I", header, self.at["arena_header.version"])
        if version != _kernel.VERSION:
            raise NotReadable(f"its kernel's layout is version {version}, and this one's {_kernel.VERSION}")
        self.header = header

    def read(self, offset: int, n: int) -> bytes:
        """A copy of that many bytes.

        :raises Torn: if there are fewer: the offset was torn.
        """
        if offset < 0 or n < 0 or n > _LARGEST or offset + n > 1 << 62:
            raise Torn
        data = self._source.read(offset, n)
        if len(data) < n:
            raise Torn
        return data

    def word(self, offset: int) -> int:
        """The 64-bit word at an offset."""
        value: int = _WORD.unpack(self.read(offset, 8))[0]
        return value

    def word_in(self, data: bytes, name: str, base: int = 0) -> int:
        """The word of that name in the bytes of its structure."""
        value: int = _WORD.unpack_from(data, base + self.at[name])[0]
        return value

    def header_word(self, name: str) -> int:
        """A word of the header, as it is now."""
        return self.word(self.at[f"arena_header.{name}"])

    def text_in(self, data: bytes, begin: int, size: int) -> str:
        """The text that ends with a NUL."""
        return data[begin : begin + size].split(b"\0", 1)[0].decode(errors="replace")

    def settled(self, offset: int, read: Callable[[], R]) -> R:
        """What a function reads while the word at an offset stays the same.

        :raises Torn: if it never did.
        """
        for _ in range(ATTEMPTS):
            before = self.word(offset)
            try:
                result = read()
            except (Torn, struct.error, IndexError):
                continue
            if self.word(offset) == before:
                return result
        raise Torn

    def structures(self, begin: int, size: int, n: int) -> Iterator[tuple[int, bytes]]:
        """(offset, bytes) of each of n structures, read in larger parts."""
        step = max(1, _PART // size)
        for first in range(0, n, step):
            count = min(step, n - first)
            part = self.read(begin + first * size, count * size)
            for i in range(count):
                yield begin + (first + i) * size, part[i * size : (i + 1) * size]


_WORD = struct.Struct("Q")
_MAGIC = 0x70726F6365737331
_PART = 1 << 16
_LARGEST = 1 << 26
