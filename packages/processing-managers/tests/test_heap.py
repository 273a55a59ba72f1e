"""Names that programs take from `multiprocessing.heap`, and from that of 0.52."""

from __future__ import annotations

import ctypes
import sys

import pytest

import processing_core
from processing_managers import heap
from processing_testing.children import sharing


class TestBufferWrapper:
    def test_its_bytes(self) -> None:
        piece = heap.BufferWrapper(5)
        assert bytes(piece.create_memoryview()) == bytes(5)
        piece.getView()[:] = b"hello"
        assert piece.create_memoryview().tobytes() == b"hello"
        assert ctypes.string_at(piece.getAddress(), 5) == b"hello"
        assert piece.getSize() == piece.size == 5

    @pytest.mark.parametrize("method", processing_core.get_all_start_methods())
    def test_it_travels(self, method: str) -> None:
        piece = heap.BufferWrapper(3)
        process = processing_core.get_context(method).Process(target=sharing.fill_piece, args=(piece, b"abc"))
        process.start()
        process.join()
        assert (process.exitcode, bytes(piece.create_memoryview())) == (0, b"abc")

    def test_it_may_be_empty(self) -> None:
        assert len(heap.BufferWrapper(0).create_memoryview()) == 0

    @pytest.mark.parametrize(
        ("size", "error"), [(-1, ValueError), (sys.maxsize, OverflowError), ("1", TypeError), (1.5, TypeError)]
    )
    def test_what_is_no_size(self, size: int, error: type[Exception]) -> None:
        with pytest.raises(error):
            heap.BufferWrapper(size)


def test_a_heap_gives_blocks_out() -> None:
    blocks = heap.Heap()
    arena, start, stop = blocks.malloc(8)
    arena.buffer[start:stop] = b"12345678"
    assert (stop - start, bytes(arena.buffer)) == (8, b"12345678")
    blocks.free((arena, start, stop))


def test_what_programs_look_at_in_a_heap() -> None:
    its = heap.BufferWrapper._heap
    made, freed = its._n_mallocs, its._n_frees
    first, second = heap.BufferWrapper(10), its.malloc(20)
    with its._lock:
        assert its._arenas.index(first) != its._arenas.index(second[0])
        assert its._allocated_blocks[first] == {(0, 10)} and its._allocated_blocks[second[0]] == {(0, 20)}
        assert (its._len_to_seq, its._pending_free_blocks) == ({}, [])
    assert (its._n_mallocs, its._n_frees) == (made + 2, freed)
    del first, second
    assert its._n_frees == freed + 2
