"""What programs know from ``multiprocessing.heap``, and from that of 0.52: plain memory that processes share."""

from __future__ import annotations

import operator
import sys
import threading
from weakref import WeakSet

from processing_core.annotations import ClassVar, SupportsIndex
from processing_core.lowlevel import Block

__all__ = ["Arena", "BufferWrapper", "Heap"]


class Arena:
    """Memory that can be sent to any process of the family, and exists as long as a process refers to it or to a view.

    Making one does not block.

    :param size: bytes, which are zero at first.
    :raises ValueError: if the size is negative.
    :raises OverflowError: if the size is beyond any address.
    :raises MemoryError: if the family's arena is full.
    """

    def __init__(self, size: SupportsIndex) -> None:
        self._size = operator.index(size)
        if self._size < 0:
            raise ValueError(f"Size {self._size} out of range")
        if self._size >= sys.maxsize:
            raise OverflowError(f"Size {self._size} too large")
        self._block = Block(max(self._size, 1))

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    @property
    def buffer(self) -> memoryview[int]:
        """A view of the bytes."""
        return memoryview(self._block)[: self._size]


class Heap:
    """Gives out blocks of shared memory.

    Each block is an `Arena` of its own, so none is ever free.

    :param size: for ``multiprocessing``'s signature; means nothing, for blocks are made as they are asked for.
    """

    # What follows with an underscore is what programs look at in ``multiprocessing``'s heap.
    _DISCARD_FREE_SPACE_LARGER_THAN = 0

    def __init__(self, size: int = 0) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._len_to_seq: dict[int, list[tuple[Arena, int, int]]] = {}  # free blocks
        self._pending_free_blocks: list[tuple[Arena, int, int]] = []
        self._n_mallocs = 0
        self._given: WeakSet[Arena] = WeakSet()

    def _note(self, arena: Arena) -> None:
        self._n_mallocs += 1
        self._given.add(arena)

    @property
    def _n_frees(self) -> int:
        """How many of its blocks are gone."""
        return self._n_mallocs - len(self._given)

    @property
    def _arenas(self) -> list[Arena]:
        """What this process has got from it, and has not dropped."""
        return list(self._given)

    @property
    def _allocated_blocks(self) -> dict[Arena, set[tuple[int, int]]]:
        """Where the blocks lie in these."""
        return {arena: {(0, arena.size)} for arena in self._given}

    def malloc(self, size: SupportsIndex) -> tuple[Arena, int, int]:
        """A block: the memory it is in, and where it begins and ends there.  Does not block.

        :param size: bytes.
        :raises ValueError: if the size is negative.
        :raises OverflowError: if the size is beyond any address.
        :raises MemoryError: if the family's arena is full.
        """
        arena = Arena(size)
        self._note(arena)
        return arena, 0, arena.size

    def free(self, block: tuple[Arena, int, int]) -> None:
        """Do nothing: a block is freed when nothing refers to it any more."""


class BufferWrapper(Arena):
    """A piece of shared memory; as `Arena`.

    >>> from processing.heap import BufferWrapper
    >>> piece = BufferWrapper(4)
    >>> piece.create_memoryview()[:] = b"spam"
    >>> bytes(piece.create_memoryview())
    b'spam'
    """

    _heap: ClassVar[Heap] = Heap()

    def __init__(self, size: SupportsIndex) -> None:
        super().__init__(size)
        self._heap._note(self)

    def create_memoryview(self) -> memoryview[int]:
        """A view of the bytes.  Does not block."""
        return self.buffer

    def getView(self) -> memoryview[int]:
        """0.52's name of `create_memoryview`; permanent."""
        return self.create_memoryview()

    def getSize(self) -> int:
        """0.52's name of `size`; permanent."""
        return self.size

    def getAddress(self) -> int:
        """Where the bytes begin in this process's address space; 0.52's.  Does not block."""
        import ctypes

        return ctypes.addressof(ctypes.c_char.from_buffer(self._block))
