from __future__ import annotations

import gc
import pickle
from collections.abc import Callable, Iterable
from typing import Any

import numpy
import pytest

from processing_core import HandleError, lowlevel
from processing_managers import SharedArray, Value
from processing_testing.children import sharing
from processing_testing.harness import scripts

Rounds = Callable[[int, int], int]


class TestMaking:
    @pytest.mark.parametrize("shape", [0, 5, (), (3,), (2, 0), (2, 3, 4), [2, 3], numpy.int64(3)], ids=repr)
    def test_shapes(self, shape: Any) -> None:
        shared, private = SharedArray(shape), numpy.zeros(shape)
        assert (shared.shape, shared.ndim, shared.size, shared.nbytes) == (
            private.shape,
            private.ndim,
            private.size,
            private.nbytes,
        )
        assert shared.dtype == private.dtype == shared.array.dtype
        assert (shared.array == private).all() and type(shared.array) is numpy.ndarray

    @pytest.mark.parametrize(
        "dtype",
        [
            "?",
            "i1",
            ">u4",
            "f2",
            "f8",
            "c16",
            "S5",
            "U3",
            "V7",
            "M8[ns]",
            "m8[D]",
            int,
            bool,
            [("a", "i2"), ("b", "f8", 3)],
        ],
        ids=repr,
    )
    def test_dtypes(self, dtype: Any) -> None:
        private = numpy.ones((2, 3), dtype)
        shared = SharedArray((2, 3), dtype)
        assert shared.dtype == private.dtype
        shared.array[...] = private
        other = pickle.loads(pickle.dumps(shared))
        assert other.dtype == private.dtype and (other.array == private).all()

    @pytest.mark.parametrize(
        "source",
        [
            [1, 2, 3],
            5.5,
            numpy.arange(6).reshape(2, 3).T,
            numpy.arange(10)[::-3],
            numpy.empty((0, 3)),
            numpy.array(["a", "bcd"]),
            range(4),
        ],
        ids=repr,
    )
    def test_from_array(self, source: Any) -> None:
        shared, private = SharedArray.from_array(source), numpy.array(source)
        assert shared.shape == private.shape and shared.dtype == private.dtype
        assert numpy.array_equal(shared.array, private)

    def test_a_copy_of_another(self) -> None:
        one = SharedArray.from_array([1, 2, 3])
        two = SharedArray.from_array(one)
        two[0] = 9
        assert one[0] == 1 and two[0] == 9 and one != two

    def test_zeroed_whatever_was_there(self) -> None:
        for _ in range(5):
            shared = SharedArray(50_000, "u1")
            assert not shared.array.any()
            shared[:] = 255
            del shared


class TestItems:
    def test_what_is_a_view_shares(self) -> None:
        shared = SharedArray.from_array(numpy.arange(24).reshape(4, 6))
        for index in (1, slice(1, 3), (slice(None), 2), (slice(None, None, -2), slice(1, 5, 2)), ..., (1, None)):
            part = shared[index]
            assert type(part) is SharedArray and (part.array == shared.array[index]).all()
            other = pickle.loads(pickle.dumps(part))
            assert other == part and hash(other) == hash(part) and other.array.strides == part.array.strides
            other.array += 100
            assert (part.array == shared.array[index]).all() and (part.array >= 100).all()
            other.array -= 100

    def test_what_is_no_view_does_not(self) -> None:
        shared = SharedArray.from_array([[1, 2], [3, 4]])
        assert type(shared[0, 1]) is numpy.int64
        for index in ([0, 1], shared.array > 2):
            assert type(shared[index]) is numpy.ndarray

    def test_empty_parts(self) -> None:
        shared = SharedArray.from_array([1, 2, 3])
        part = pickle.loads(pickle.dumps(shared[3:]))
        assert part.shape == (0,) and part.array.tolist() == []

    def test_fields(self) -> None:
        shared = SharedArray(3, [("a", "i4"), ("b", "f8")])
        pickle.loads(pickle.dumps(shared["b"])).array[1] = 2.5
        assert shared.array[1]["b"] == 2.5

    def test_as_a_sequence(self) -> None:
        shared = SharedArray.from_array([[1, 2], [3, 4], [5, 6]])
        assert len(shared) == 3 and [row.array.sum() for row in shared] == [3, 7, 11]
        shared[1] = [8, 9]
        assert shared.array.tolist() == [[1, 2], [8, 9], [5, 6]]
        assert list(SharedArray.from_array([1, 2])) == [1, 2]

    def test_numpy_takes_it(self) -> None:
        shared = SharedArray.from_array([1.0, 4.0])
        assert numpy.sqrt(shared).tolist() == [1.0, 2.0]
        assert numpy.asarray(shared) is shared.array
        assert numpy.asarray(shared, "f4").dtype == "f4"
        copied = numpy.array(shared)
        copied[0] = 7
        assert shared[0] == 1.0

    def test_assigning_the_array_writes_its_items(self) -> None:
        shared = SharedArray.from_array([1.0, 2.0])
        other = pickle.loads(pickle.dumps(shared))
        shared.array += 1
        assert other.array.tolist() == [2.0, 3.0]
        shared.array = shared.array[::-1]
        assert other.array.tolist() == [3.0, 2.0]
        shared.array = 7
        assert other.array.tolist() == [7.0, 7.0]

    def test_repr(self) -> None:
        assert repr(SharedArray.from_array([1, 2])) == "SharedArray([1, 2])"
        assert str(SharedArray) == "<class 'processing_managers.SharedArray'>"

    def test_equality_is_that_of_the_memory(self) -> None:
        one, two = SharedArray(3), SharedArray(3)
        assert one != two and one == one[:] and one != one[1:] and one != 3
        assert one.array.tolist() == two.array.tolist()


class TestMisuse:
    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            *(((shape,), TypeError) for shape in ("3", 2.5, None, (1, "2"), ((1,),))),
            *(((shape,), ValueError) for shape in (-1, (3, -1), (1,) * 100)),
            *(((2, dtype), TypeError) for dtype in (object, "O", "nonsense", [("a", "O")], "S", "V", 3)),
            *(((shape,), MemoryError) for shape in (2**42, 2**61, 2**70, (2**40, 2**40))),
            ((), TypeError),
        ],
        ids=repr,
    )
    def test_making(self, arguments: tuple[Any, ...], error: type[Exception]) -> None:
        gc.collect()  # frees what other tests left
        before = lowlevel.stats()["cells"]
        with pytest.raises(error):
            SharedArray(*arguments)
        assert lowlevel.stats()["cells"] <= before  # cells that earlier tests left may be freed meanwhile

    def test_items_that_are_objects(self) -> None:
        with pytest.raises(TypeError, match="Python objects"):
            SharedArray.from_array([object()])
        if hasattr(numpy.dtypes, "StringDType"):
            with pytest.raises(TypeError, match="Python objects"):
                SharedArray(2, numpy.dtypes.StringDType())

    def test_using(self) -> None:
        shared = SharedArray((2, 3))
        for index in (2, -3, (0, 3), "a"):
            with pytest.raises(IndexError):
                shared[index]
        with pytest.raises(ValueError, match="could not"):
            shared[0] = "x"
        with pytest.raises(ValueError, match="broadcast"):
            shared[0] = [1, 2]
        with pytest.raises(ValueError, match="without a copy"):
            shared.__array__("f4", copy=False)

    def test_over_a_cap_of_the_programs_own(self) -> None:
        scripts.run("""
            import processing_core, processing_managers
            processing_core.set_arena_limit(4 << 20)
            kept = processing_managers.SharedArray(1 << 20, "u1")
            for attempt in range(3):
                try:
                    processing_managers.SharedArray(4 << 20, "u1")
                except MemoryError as error:
                    assert "4194304" in str(error), error
                else:
                    raise AssertionError
            processing_managers.SharedArray(1 << 20, "u1")[:] = 1
            assert not kept.array.any()
        """)

    def test_a_stale_pickle(self) -> None:
        pickled = pickle.dumps(SharedArray(3))
        with pytest.raises(HandleError):
            pickle.loads(pickled)

    def test_without_numpy(self) -> None:
        program = """
            import sys
            import processing_managers as it
            it.Value("i").value = 1
            assert "numpy" not in sys.modules
            sys.modules["numpy"] = None
            for make in (lambda: it.SharedArray(3), lambda: it.SharedArray.from_array([1])):
                try:
                    make()
                except ImportError as error:
                    print("processing-managers[numpy]" in str(error))
        """
        assert scripts.run(program) == "True\nTrue\n"


class TestSharing:
    def test_filled_by_one_and_summed_by_two(self, context: Any, rounds: Rounds) -> None:
        """Promise 10, for processes that share the array: the data is there once."""
        size = rounds(64 << 20, 1 << 30)
        shared: SharedArray[Any] = SharedArray(size, "u1")
        total, grown = context.Value("q"), [context.Value("q") for _ in range(3)]
        before, used = sharing.anonymous_memory(), lowlevel.stats()["used"]
        run(context.Process(target=sharing.fill, args=(shared, 3, grown[0])))
        run(*(context.Process(target=sharing.sum_up, args=(shared, total, count)) for count in grown[1:]))
        assert total.value == 2 * 3 * size
        assert shared[0] == shared[-1] == 3
        assert max(count.value for count in grown) < 10 << 20
        assert sharing.anonymous_memory() - before < 10 << 20
        assert lowlevel.stats()["used"] - used < 1 << 20

    def test_arrays_outlive_what_they_came_from(self) -> None:
        gc.collect()
        cells = lowlevel.stats()["cells"]
        array = SharedArray.from_array(numpy.arange(100_000))[10:].array[::2]
        others = [SharedArray(100_000) for _ in range(5)]  # these would reuse memory that was freed
        assert (array == numpy.arange(10, 100_000, 2)).all()
        assert lowlevel.stats()["cells"] == cells + 6
        del array, others
        assert lowlevel.stats()["cells"] <= cells  # cells that earlier tests left may be freed meanwhile

    def test_a_part_keeps_the_memory(self) -> None:
        whole: SharedArray[Any] = SharedArray.from_array([1, 2, 3])
        part = pickle.loads(pickle.dumps(whole[1:]))
        del whole
        assert part.array.tolist() == [2, 3]

    def test_cycles_leave_nothing(self, rounds: Rounds) -> None:
        def use(sizes: Iterable[int]) -> dict[str, int]:
            for size in sizes:
                shared = SharedArray(size)
                pickle.loads(pickle.dumps(shared[::2])).array[0] = 1
                assert shared[0] == 1
                del shared
            return lowlevel.stats()

        before = use(2**order for order in range(13))  # allocates a first page for blocks of each size
        after = use(turn % 3000 + 1 for turn in range(rounds(500, 10_000)))
        assert after["cells"] <= before["cells"] and after["used"] <= before["used"]

    @pytest.mark.attack
    def test_killed_holders_leave_nothing(self, context: Any, rounds: Rounds) -> None:
        shared: SharedArray[Any] = SharedArray(100_000)
        run(context.Process(target=sharing.fill, args=(shared, 1, Value("q"))))  # makes what is made only once
        lowlevel.sweep()
        before = lowlevel.stats()
        for _ in range(rounds(5, 100)):
            count = context.Value("q")
            victim = context.Process(target=sharing.hold_a_part, args=(shared, count))
            victim.start()
            while count.value < 30:
                assert victim.is_alive()
            victim.kill()
            victim.join()
            victim.close()
            del count, victim
        lowlevel.sweep()
        lowlevel.verify()  # checks that each block belongs to a living cell
        after = lowlevel.stats()
        assert after["cells"] <= before["cells"]
        assert after["used"] - before["used"] < 64_000  # the members differ, but no array is left
        assert shared.array.min() == 1


def run(*processes: Any) -> None:
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
