from __future__ import annotations

import ctypes
import multiprocessing.sharedctypes as model  # noqa: TID251
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import processing_core
from processing_core import OwnerDied, lowlevel
from processing_managers import Array, RawArray, sharedctypes
from processing_sync import Lock, RLock
from processing_testing.children import sharing
from processing_testing.children.forking import Child
from processing_testing.harness.mechanisms import LAST_CHARACTER
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]

CODES = "bBhHiIlLqQfd"


@pytest.fixture(params=[True, False], ids=["locked", "raw"])
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda *args: Array(*args, lock=request.param)


class TestItems:
    @pytest.mark.parametrize("code", CODES)
    def test_numbers(self, make: Callable[..., Any], code: str) -> None:
        array = make(code, 3)
        assert array[:] == [0, 0, 0]
        array[0], array[-1] = 1, 100
        assert list(array) == [1, 0, 100] and len(array) == 3
        assert make(code, [1, 2, 3])[:] == make(code, range(1, 4))[:] == [1, 2, 3]

    def test_slices(self, make: Callable[..., Any]) -> None:
        array = make("i", range(10))
        assert array[2:4] == [2, 3] and array[::-3] == [9, 6, 3, 0] and array[20:] == []
        array[1:4] = [7, 7, 7]
        array[::9] = (5, 5)
        assert array[:] == [5, 7, 7, 7, 4, 5, 6, 7, 8, 5]

    def test_no_items(self, make: Callable[..., Any]) -> None:
        assert make("i", 0)[:] == make("d", [])[:] == []

    def test_bytes(self, make: Callable[..., Any]) -> None:
        array = make("c", b"hello")
        assert (array.value, array.raw, array[1], array[1:3]) == (b"hello", b"hello", b"e", b"el")
        array.value = b"ab"
        assert (array.value, array.raw) == (b"ab", b"ab\0lo")
        array.raw = b"\0b"
        assert (array.value, array.raw) == (b"", b"\0b\0lo")

    def test_str(self, make: Callable[..., Any]) -> None:
        array = make("u", "h\xe9llo")
        assert array[1:3] == "\xe9l"
        array[0] = LAST_CHARACTER
        assert array[0] == LAST_CHARACTER

    def test_structures(self, make: Callable[..., Any]) -> None:
        array = make(sharing.Point, [(1, 0.5), (2, 1.5)])
        array[1].x += 3
        assert [(point.x, point.y) for point in array] == [(1, 0.5), (5, 1.5)]

    def test_rows(self, make: Callable[..., Any]) -> None:
        array = make(ctypes.c_int * 2, [(1, 2), (3, 4)])
        array[0][1] = 9
        assert [row[:] for row in array] == [[1, 9], [3, 4]]

    def test_zeroed_whatever_was_there(self) -> None:
        for _ in range(5):
            array = Array("B", 100_000)
            assert not any(array)
            array[:] = [255] * 100_000
            del array

    def test_a_view_outlives_the_array(self) -> None:
        cells = lowlevel.stats()["cells"]
        view = memoryview(RawArray("B", b"hello"))
        assert bytes(view) == b"hello"
        del view
        assert lowlevel.stats()["cells"] <= cells  # cells that earlier tests left may be freed meanwhile


class TestMisuse:
    """The same types of errors as multiprocessing's."""

    @pytest.mark.parametrize(
        "arguments",
        [
            *(("z", 1), ("", 1), ("ii", 1), (1, 1), (None, 1), (int, 1), (ctypes.Structure, 1)),
            *(("i", -1), ("i", None), ("i", 1.5), ("i", "abc"), ("i", [None]), ("i", [1.5]), ("d", ["x"])),
            *(("c", "abc"), ("c", [b"ab"]), ("u", b"abc"), (sharing.Point, [1]), (), ("i",), ("i", 1, 2)),
        ],
        ids=repr,
    )
    def test_making(self, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        with pytest.raises(Exception) as theirs:  # noqa: PT011
            model.Array(*arguments)
        with pytest.raises(theirs.type):
            make(*arguments)

    @pytest.mark.parametrize("lock", [2, "lock", object()], ids=repr)
    def test_locks(self, lock: Any) -> None:
        with pytest.raises(AttributeError):
            model.Array("i", 1, lock=lock)
        with pytest.raises(AttributeError, match="True, False or a lock"):
            Array("i", 1, lock=lock)

    @pytest.mark.parametrize(
        "use",
        [
            lambda it: it[3],
            lambda it: it["0"],
            lambda it: it.__setitem__(3, 1),
            lambda it: it.__setitem__(0, "x"),
            lambda it: it.__setitem__(slice(0, 2), [1]),
            lambda it: it.__setitem__(slice(0, 2), 1),
            lambda it: it.value,
            lambda it: it.raw,
            lambda it: it.__delitem__(0),
        ],
    )
    def test_using(self, use: Callable[[Any], object]) -> None:
        with pytest.raises(Exception) as theirs:  # noqa: PT011
            use(model.Array("i", 3))
        with pytest.raises(theirs.type):
            use(Array("i", 3))

    @pytest.mark.parametrize("wrong", [b"toolong", "str", 3])
    def test_strings(self, make: Callable[..., Any], wrong: Any) -> None:
        with pytest.raises(Exception) as theirs:  # noqa: PT011
            model.Array("c", 3).value = wrong
        array = make("c", b"abc")
        with pytest.raises(theirs.type):
            array.value = wrong
        assert array.value == b"abc"

    def test_python_objects(self, make: Callable[..., Any]) -> None:
        with pytest.raises(TypeError, match="Python objects"):
            make(ctypes.py_object, 1)

    def test_more_than_the_arena_holds(self, make: Callable[..., Any]) -> None:
        with pytest.raises(MemoryError):
            make("q", 2**50)


class TestLock:
    def test_its_own_or_given(self) -> None:
        lock = Lock()
        assert Array("i", 1, lock=lock).get_lock() is lock
        assert isinstance(Array("i", 1, lock=None).getlock(), RLock)

    def test_every_access_takes_it(self, fork: Fork) -> None:
        array = Array("c", b"abc")
        for access in (lambda: array[0], lambda: array[:], lambda: array.value, lambda: array.raw):
            with array:
                reader = fork(lambda line, access=access: (line.send("ready"), access()))  # type: ignore[misc]
                reader.receive()
                reader.await_sleep()
            assert reader.join() == 0

    def test_acquire_and_release(self) -> None:
        array = Array("i", 1, lock=Lock())
        assert array.acquire() and not array.acquire(False)
        array.release()
        with array as entered:
            assert entered is True and not array.acquire(timeout=0)

    def test_a_dead_holder(self, fork: Fork) -> None:
        array = Array("i", 1)
        fork(lambda line: array.acquire()).join()
        with pytest.raises(OwnerDied):
            array[0]

    def test_locked_increments_add_up(self, fork: Fork) -> None:
        array = Array("q", 1)
        children = [fork(lambda line: sharing.add(array, 5_000)) for _ in range(4)]
        assert [child.join() for child in children] == [0] * 4
        assert array[0] == 20_000


class TestTypes:
    def test_classes(self) -> None:
        numbers, string, raw = Array("i", 1), Array("c", 1), Array("i", 1, lock=False)
        assert isinstance(numbers, Array) and isinstance(string, Array)
        assert type(numbers) is sharedctypes.SynchronizedArray
        assert type(string) is sharedctypes.SynchronizedString
        assert type(raw) is ctypes.c_int * 1 is type(numbers.get_obj()) is type(numbers.getobj())
        assert str(Array) == "<class 'processing_managers.Array'>"

    @pytest.mark.parametrize("code", "ci")
    def test_repr_is_that_of_multiprocessing(self, code: str) -> None:
        array, theirs = Array(code, 3), model.Array(code, 3)
        mine, model_ = (repr(it).replace(repr(it.get_obj()), "OBJ") for it in (array, theirs))
        assert mine == model_


@pytest.fixture(params=processing_core.get_all_start_methods())
def context(request: pytest.FixtureRequest) -> Any:
    return processing_core.get_context(request.param)


class TestSharing:
    @pytest.mark.parametrize("lock", [True, False])
    def test_with_a_child(self, context: Any, lock: bool) -> None:
        arrays = [
            (context.Array("i", 3, lock=lock), 5),
            (context.Array(ctypes.c_double, 3, lock=lock), 0.5),
            (context.Array("c", 3, lock=lock), b"x"),
        ]
        for array, item in arrays:
            child = context.Process(target=sharing.set_item, args=(array, 1, item))
            child.start()
            child.join()
            assert child.exitcode == 0
            assert array[1] == item

    @pytest.mark.parametrize("type_", ["d", "c", sharing.Point, ctypes.c_int * 2, (ctypes.c_int * 2) * 3], ids=repr)
    def test_a_pickle_is_the_same_memory(self, type_: Any) -> None:
        array = Array(type_, 3)
        other = pickle.loads(pickle.dumps(array))
        assert other == array != Array(type_, 3) and hash(other) == hash(array)
        assert type(other) is type(array) and other.get_lock() == array.get_lock()
        raw, again = array.get_obj(), pickle.loads(pickle.dumps(other.get_obj()))
        assert type(raw) is type(again)
        memoryview(again).cast("B")[0] = 7
        assert memoryview(raw).cast("B")[0] == 7

    def test_private_objects_are_pickled_as_ever(self) -> None:
        RawArray("i", 3)
        with pytest.raises(pickle.PicklingError):
            pickle.dumps((ctypes.c_int * 3)(1, 2, 3))
        private = ctypes.c_int(5)
        pickle.loads(pickle.dumps(private)).value = 6
        assert private.value == 5

    def test_dropped_arrays_leave_nothing(self, rounds: Callable[[int, int], int]) -> None:
        Array("i", 1)
        before = lowlevel.stats()["cells"]
        for size in range(rounds(300, 10_000)):
            array = Array("c", size % 5000 + 1)
            pickle.loads(pickle.dumps(array)).value = b"x"
            assert array.value == b"x"
            del array
        assert lowlevel.stats()["cells"] <= before  # cells that earlier tests left may be freed meanwhile
