from __future__ import annotations

import ctypes
import gc
import multiprocessing.sharedctypes as model  # noqa: TID251
import os
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import processing_core
from processing_core import StateError, lowlevel
from processing_managers import Array, RawArray, RawValue, Value, sharedctypes
from processing_sync import Lock, RLock
from processing_testing.children import sharing
from processing_testing.children.forking import Child
from processing_testing.children.sharing import Point, Segment
from processing_testing.harness import scripts
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]


class TestRawValue:
    @pytest.mark.parametrize("code", "bBhHiIlLqQfd")
    def test_it_is_an_object_of_ctypes(self, code: str) -> None:
        ours, theirs = RawValue(code, 5), model.RawValue(code, 5)
        assert type(ours) is type(theirs) and repr(ours) == repr(theirs)
        assert RawValue(code).value == 0

    def test_more_types(self) -> None:
        assert RawValue("c", b"x").value == b"x"
        assert RawValue("u", "\xe9").value == "\xe9"
        assert RawValue("?", 1).value is True
        assert RawValue(ctypes.c_void_p, 8).value == 8
        assert RawValue(ctypes.c_longdouble, 0.5).value == 0.5
        assert RawValue(ctypes.c_int * 2, 1, 2)[:] == [1, 2]

    def test_a_class_of_the_programs_own(self) -> None:
        point = RawValue(Point, 1, 0.5)
        assert type(point) is Point and (point.x, point.y) == (1, 0.5)
        other = pickle.loads(pickle.dumps(point))
        other.x = 7
        assert point.x == 7 and type(other) is Point

    def test_a_part_of_one_is_pickled_by_value(self) -> None:
        segment = RawValue(Segment)
        pickle.loads(pickle.dumps(segment.end)).x = 3
        assert segment.end.x == 0

    def test_c_functions_take_it(self) -> None:
        value = RawValue("i", 3)
        ctypes.memset(ctypes.byref(value), 0, ctypes.sizeof(value))
        assert value.value == 0

    def test_it_outlives_what_it_came_from(self) -> None:
        cells = lowlevel.stats()["cells"]
        value = Value("i", 5).get_obj()
        assert value.value == 5
        other = pickle.loads(pickle.dumps(value))
        del value
        assert other.value == 5
        del other
        assert lowlevel.stats()["cells"] <= cells  # cells that earlier tests left may be freed meanwhile


class TestStructures:
    def test_fields(self) -> None:
        point = Value(Point, 1, 0.5)
        point.x += 1
        assert (point.x, point.y, point.get_obj().x) == (2, 0.5, 2)
        assert repr(point).startswith("<SynchronizedPoint wrapper for <")

    def test_fields_of_a_base(self) -> None:
        segment = Value(Segment, 1, 0.5, (2, 1.5))
        assert (segment.x, segment.y, segment.end.x) == (1, 0.5, 2)

    def test_a_field_takes_the_lock(self, fork: Fork) -> None:
        point = Value(Point)

        def change(line: MessageSocket) -> None:
            line.send("ready")
            point.x = 5

        with point:
            child = fork(change)
            child.receive()
            child.await_sleep()
            assert point.x == 0
        assert child.join() == 0
        assert point.x == 5

    def test_a_pickle_is_the_same(self) -> None:
        point = Value(Point)
        other = pickle.loads(pickle.dumps(point))
        assert type(other) is type(point) and other.get_lock() == point.get_lock()
        other.y = 2.5
        assert point.y == 2.5

    def test_a_forgotten_structure(self) -> None:
        class Local(ctypes.Structure):
            _fields_ = [("x", ctypes.c_int)]

        Value(Local)
        reference = weakref.ref(Local)
        del Local
        gc.collect()
        assert reference() is None

    @pytest.mark.parametrize("method", processing_core.get_all_start_methods())
    def test_with_a_child(self, method: str) -> None:
        context = processing_core.get_context(method)
        for point in (context.Value(Point), context.RawValue(Point)):
            child = context.Process(target=sharing.set_attribute, args=(point, "x", 7))
            child.start()
            child.join()
            assert child.exitcode == 0
            assert point.x == 7


class TestSynchronized:
    def test_wrappers(self) -> None:
        kinds = [
            (RawValue("i"), sharedctypes.Synchronized),
            (RawArray("i", 1), sharedctypes.SynchronizedArray),
            (RawArray("c", 1), sharedctypes.SynchronizedString),
            (RawValue(Point), sharedctypes.SynchronizedBase),
        ]
        for obj, kind in kinds:
            wrapper = sharedctypes.synchronized(obj)
            assert isinstance(wrapper, kind) and isinstance(wrapper, sharedctypes.SynchronizedBase)
            assert wrapper.get_obj() is wrapper.getobj() is obj
            assert isinstance(wrapper.get_lock(), RLock)

    def test_values_count_as_synchronized(self) -> None:
        assert isinstance(Value("i"), sharedctypes.Synchronized)
        assert isinstance(Value(ctypes.c_longdouble), sharedctypes.Synchronized)

    def test_a_value(self) -> None:
        wrapper = sharedctypes.synchronized(RawValue("i", 5))
        wrapper.value += 1
        assert wrapper.value == 6
        assert repr(wrapper) == f"<Synchronized wrapper for {ctypes.c_int.__name__}(6)>"  # c_long, if as long
        pickle.loads(pickle.dumps(wrapper)).value = 7
        assert wrapper.value == 7

    def test_a_lock_that_is_given(self) -> None:
        lock = Lock()
        for wrapper in (sharedctypes.synchronized(RawValue("i"), lock), Value(Point, lock=lock)):
            assert wrapper.get_lock() is wrapper.getlock() is lock
            with wrapper:
                assert wrapper.acquire(False) is False

    def test_private_objects_too(self) -> None:
        wrapper = sharedctypes.synchronized(ctypes.c_int(5))
        pickle.loads(pickle.dumps(wrapper)).value = 6
        assert wrapper.value == 5

    def test_twice(self) -> None:
        with pytest.raises(AssertionError):
            model.synchronized(model.Array("i", 1))  # type: ignore[call-overload]
        with pytest.raises(StateError) as raised:
            sharedctypes.synchronized(Array("i", 1))
        assert isinstance(raised.value, AssertionError)


class TestCopy:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: RawValue("i", 5),
            lambda: RawArray("d", [0.5, 1.5]),
            lambda: RawValue(Point, 1, 2),
            lambda: Point(1, 2),
        ],
    )
    def test_a_copy_is_shared_and_another(self, make: Callable[[], Any]) -> None:
        original = make()
        copied = sharedctypes.copy(original)
        assert type(copied) is type(original) and bytes(copied) == bytes(original)
        memoryview(pickle.loads(pickle.dumps(copied))).cast("B")[0] = 255
        assert bytes(copied)[0] == 255 != bytes(original)[0]


class TestMisuse:
    """The same types of errors as multiprocessing's."""

    @pytest.mark.parametrize(
        "call",
        [
            lambda it: it.RawValue("z"),
            lambda it: it.RawValue(""),
            lambda it: it.RawValue(int),
            lambda it: it.RawValue(None),
            lambda it: it.RawValue("i", "x"),
            lambda it: it.RawValue("i", 1, 2),
            lambda it: it.RawValue(Point, 1, 2, 3),
            lambda it: it.RawValue(ctypes.Structure),
            lambda it: it.RawValue(),
            lambda it: it.RawArray("i", -1),
            lambda it: it.RawArray("z", 1),
            lambda it: it.RawArray("i", None),
            lambda it: it.RawArray("i"),
            lambda it: it.Value("z"),
            lambda it: it.Value("i", "x"),
            lambda it: it.Value("i", 1, 2),
            lambda it: it.Value("i", lock=3),
            lambda it: it.Value(Point, lock=3),
            lambda it: it.Value(Point, "x"),
            lambda it: it.Value(),
            lambda it: setattr(it.Value(Point), "x", "y"),
            lambda it: setattr(it.Value("i"), "value", None),
            lambda it: it.Value(Point).z,
            lambda it: it.synchronized(3),
            lambda it: it.synchronized(it.RawValue("i"), 3).acquire(),
            lambda it: it.copy(3),
            lambda it: it.copy(it.Value("i")),
        ],
    )
    def test_errors(self, call: Callable[[Any], object]) -> None:
        with pytest.raises(Exception) as theirs:  # noqa: PT011
            call(model)
        with pytest.raises(theirs.type):
            call(sharedctypes)


def test_the_module_has_what_multiprocessings_has() -> None:
    assert set(model.__all__) <= set(sharedctypes.__all__)
    for name in sharedctypes.__all__:
        public = "processing_managers" + (
            ".sharedctypes" if name not in ("Value", "RawValue", "Array", "RawArray") else ""
        )
        assert getattr(sharedctypes, name).__module__ == public


def test_dropped_values_leave_nothing(rounds: Callable[[int, int], int]) -> None:
    Value(Point)
    before = lowlevel.stats()["cells"]
    for _ in range(rounds(300, 10_000)):
        Value(Point, 1, 2).x = 3
        Value("i", 1).get_obj().value = 3
        sharedctypes.copy(RawValue("i"))
    assert lowlevel.stats()["cells"] <= before  # cells that earlier tests left may be freed meanwhile


def test_importing_the_package_does_not_import_ctypes() -> None:
    use = "it.Value('i').value = 1; " if hasattr(os, "sysconf") else ""  # else ctypes asks for the system's memory
    program = f"import sys, processing_managers as it; {use}print('ctypes' in sys.modules)"
    assert scripts.run(program) == "False\n"
