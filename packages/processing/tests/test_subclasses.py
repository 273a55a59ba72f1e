"""Every public class can be derived from, with an `__init__` of one's own, and referred to weakly."""

from __future__ import annotations

import collections.abc
import copy
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import processing
from processing import managers
from processing_testing.children import subclasses
from processing_testing.harness.mechanisms import START_METHODS

METHODS = processing.get_all_start_methods()


@pytest.fixture
def clean() -> Iterator[Callable[[Any], Any]]:
    """Ends what a test has made."""
    made: list[Any] = []

    def keep(thing: Any) -> Any:
        made.append(thing)
        return thing

    yield keep
    for thing in made:
        memory = getattr(thing, "shm", thing)
        for name in ("terminate", "close", "unlink"):
            if hasattr(memory, name) and not isinstance(memory, processing.Process):
                getattr(memory, name)()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", subclasses.TRAVELLING)
def test_its_class_and_its_attributes_travel(name: str, method: str, clean: Callable[[Any], Any]) -> None:
    thing = clean(subclasses.TRAVELLING[name](f"a {name}"))
    thing.later = 1
    process = processing.get_context(method).Process(target=subclasses.check, args=(thing, name, f"a {name}"))
    process.start()
    process.join()
    assert (process.exitcode, process.exception) == (0, None)


@pytest.mark.parametrize("name", subclasses.TRAVELLING)
def test_they_are_copied(name: str, clean: Callable[[Any], Any]) -> None:
    thing = clean(subclasses.TRAVELLING[name]("a tag"))
    thing.later = 1
    subclasses.check(copy.copy(thing), name, "a tag")


@pytest.mark.parametrize("name", subclasses.STAYING)
def test_it_is_made(name: str, clean: Callable[[Any], Any]) -> None:
    assert clean(subclasses.STAYING[name]("a tag")).tag == "a tag"


@pytest.mark.parametrize("name", [*subclasses.TRAVELLING, *subclasses.STAYING])
def test_it_is_referred_to_weakly(name: str, clean: Callable[[Any], Any]) -> None:
    thing = clean({**subclasses.TRAVELLING, **subclasses.STAYING}[name]("a tag"))
    assert weakref.ref(thing)() is thing


@pytest.mark.parametrize("method", METHODS)
def test_a_managers_subclass_travels(method: str) -> None:
    with subclasses.TaggedManager("a manager") as manager:
        manager.later = 1  # type: ignore[attr-defined]
        process = processing.get_context(method).Process(
            target=subclasses.check, args=(manager, "Manager", "a manager")
        )
        process.start()
        process.join()
        assert (process.exitcode, process.exception) == (0, None)


@pytest.mark.parametrize("method", METHODS)
def test_a_proxys_attributes_travel(method: str) -> None:
    with processing.Manager() as manager:
        items = manager.list([1])
        items.tag = "a list"  # type: ignore[attr-defined]
        queue: processing.Queue[Any] = processing.Queue()
        process = processing.get_context(method).Process(target=queue.put, args=(items,))
        process.start()
        arrived = queue.get()
        process.join()
        assert (arrived.tag, arrived.copy()) == ("a list", [1])


@pytest.mark.parametrize("name", subclasses.KINDS)
def test_what_is_no_subclass_takes_attributes_too(name: str, clean: Callable[[Any], Any]) -> None:
    cls, args, kwds = subclasses.KINDS[name]
    thing = clean(cls(*args, **kwds))
    thing.tag = "mine"
    assert thing.tag == "mine"
    assert not hasattr(copy.copy(thing), "tag")  # nor does it travel, as in `multiprocessing`


def test_a_value_takes_attributes() -> None:
    value: Any = processing.Value("i")
    value.tag = "mine"
    assert value.tag == "mine"


def test_a_barrier_is_threadings() -> None:
    assert isinstance(processing.Barrier(1), threading.Barrier)
    assert processing.Barrier(1, ctx=processing.get_context("spawn")).wait() == 0


def test_proxies_are_what_they_stand_for() -> None:
    with processing.Manager() as manager:
        assert isinstance(manager.dict(), collections.abc.MutableMapping)
        assert isinstance(manager.list(), collections.abc.MutableSequence)
        assert isinstance(manager.Array("i", [1]), collections.abc.MutableSequence)
        assert isinstance(manager.set(), collections.abc.MutableSet)
        assert not isinstance(manager.Namespace(), collections.abc.MutableMapping)
    for cls, abstract in [
        (managers.DictProxy, collections.abc.MutableMapping),
        (managers.ListProxy, collections.abc.MutableSequence),
        (managers.SetProxy, collections.abc.MutableSet),
    ]:
        wanted = {name for name in dir(abstract) if callable(getattr(abstract, name)) and name not in dir(type)}
        assert [name for name in sorted(wanted) if not hasattr(cls, name) and not name.startswith("_")] == []


def test_a_managers_pool_has_a_context_of_its_own() -> None:
    with processing.Manager() as manager, manager.Pool(1, context=processing.get_context("spawn")) as pool:
        assert pool.apply(processing.get_start_method) == "spawn"


def test_values_and_arrays_take_names() -> None:
    context = processing.get_context(START_METHODS[0])
    assert processing.Value(typecode_or_type="i").value == 0
    assert processing.Value("i", 3, ctx=context).value == 3
    assert processing.RawValue(typecode_or_type="d").value == 0.0
    assert processing.Array("i", [1], ctx=context)[:] == [1]
    with processing.Manager() as manager:
        assert manager.Array("i", [1], lock=False).tolist() == [1]


class TestHandles:
    """Classes whose objects are handles: locks, semaphores, queues and so on."""

    @pytest.mark.parametrize("name", subclasses.KINDS)
    def test_they_take_a_context(self, name: str) -> None:
        cls, args, kwds = subclasses.KINDS[name]
        cls(*args, **kwds, ctx=processing.get_context("spawn"))
        subclasses.DERIVED[name]("a tag", *args, **kwds, ctx=processing.get_context("spawn"))

    @pytest.mark.parametrize("name", subclasses.KINDS)
    def test_they_are_referred_to_weakly(self, name: str) -> None:
        cls, args, kwds = subclasses.KINDS[name]
        thing = cls(*args, **kwds)
        reference = weakref.ref(thing)
        assert reference() is thing
        del thing
        assert reference() is None

    def test_a_value_is_referred_to_weakly(self) -> None:
        value = processing.Value("i", 1)
        assert weakref.ref(value)() is value

    def test_the_arguments_are_handed_on(self) -> None:
        assert subclasses.derived("Semaphore", "").get_value() == 3
        assert subclasses.derived("reclaiming Semaphore", "").reclaim
        assert subclasses.derived("Queue", "").maxsize == 3
        queue = subclasses.derived("JoinableQueue", "")
        assert (queue.maxsize, queue.max_bytes) == (3, 1000)
        by_key = subclasses.derived("PriorityQueue", "")
        for number in (-3, 2, -1):
            by_key.put(number)
        assert [by_key.get() for _ in range(3)] == [-1, 2, -3]

    @pytest.mark.parametrize(
        ("name", "wrong", "error"),
        [
            ("Semaphore", (-1,), ValueError),
            ("Queue", ("many",), TypeError),
            ("Lock", (1,), TypeError),
            ("Condition", (1,), TypeError),
            ("SimpleQueue", (1,), TypeError),
        ],
    )
    def test_wrong_arguments_are_refused(self, name: str, wrong: tuple[Any, ...], error: type[Exception]) -> None:
        with pytest.raises(error):
            subclasses.DERIVED[name]("a tag", *wrong)
        with pytest.raises(error):
            subclasses.KINDS[name][0](*wrong)

    def test_a_conditions_lock(self) -> None:
        lock = processing.Lock()
        condition = subclasses.DERIVED["Condition"]("a tag", lock)
        with condition:
            assert lock.locked()
            assert not condition.wait(0.01)
        assert not lock.locked()

    def test_an_init_that_hands_nothing_on(self) -> None:
        class Plain(processing.Queue[int]):
            def __init__(self, name: str, number: int) -> None:
                self.name = name

        queue = Plain("jobs", 5)
        assert queue.maxsize == 0
        queue.put(1)
        assert queue.get() == 1

    def test_a_new_of_ones_own(self) -> None:
        class Doubled(processing.Queue[int]):
            def __new__(cls, size: int, name: str) -> Any:
                return super().__new__(cls, 2 * size)

            def __init__(self, size: int, name: str) -> None:
                self.name = name

        assert Doubled(3, "jobs").maxsize == 6

    def test_an_init_that_comes_from_elsewhere(self) -> None:
        class Mixin:
            def __init__(self, *args: Any, **kwds: Any) -> None:
                super().__init__(*args, **kwds)
                self.mixed = True

        class Both(Mixin, processing.BoundedSemaphore):
            pass

        class Further(Both):
            def __init__(self) -> None:
                super().__init__(2)

        assert (Further().get_value(), Further().mixed) == (2, True)

    @pytest.mark.parametrize("method", METHODS)
    def test_a_state_of_ones_own(self, method: str) -> None:
        queue = subclasses.Counted(5)
        process = processing.get_context(method).Process(target=subclasses.put_one, args=(queue,))
        process.start()
        process.join()
        assert (process.exitcode, queue.size.value, queue.get(), queue.maxsize) == (0, 1, "here", 5)

    @pytest.mark.parametrize("kind", sorted(subclasses.WITH_STATES))
    def test_a_state_beside_ours(self, kind: str) -> None:
        thing = subclasses.WITH_STATES[kind](*[1] if kind == "Barrier" else [])
        queue: Any = processing.Queue()
        queue.put(thing)
        got = queue.get()
        assert (type(got), got, got.tag) == (type(thing), thing, "a tag")

    def test_nothing_is_left(self, nothing_left: None) -> None:
        for name in subclasses.KINDS:
            for _ in range(100):
                subclasses.derived(name, "a tag")
                with pytest.raises(TypeError):
                    subclasses.DERIVED[name]("a tag", no_such_parameter=1)

    def test_a_queues_reader_is_one_object(self) -> None:
        for queue in (processing.Queue(), processing.SimpleQueue(), processing.LifoQueue()):
            reader = queue._reader
            assert queue._reader is reader
            queue.put(1)
            assert processing.wait([reader])[0] is reader
        assert processing.Queue()._reader is not processing.Queue()._reader

    def test_a_queues_sides_are_closed_without_effect(self) -> None:
        queue: processing.Queue[int] = processing.Queue()
        queue._writer.close()
        queue._reader.close()
        queue.put(1)
        assert queue.get() == 1

    def test_locked_semaphores(self) -> None:
        for semaphore in (processing.Semaphore(1), processing.BoundedSemaphore(1)):
            assert not semaphore.locked()
            with semaphore:
                assert semaphore.locked()


class Number:
    """An integer of another library's, such as NumPy's."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class TestIntegers:
    """Whatever has ``__index__`` is an integer."""

    def test_of_queues(self) -> None:
        for make in (processing.Queue, processing.JoinableQueue, processing.LifoQueue, processing.PriorityQueue):
            assert make(Number(3)).maxsize == 3
            assert make(-1).maxsize == make(Number(-5)).maxsize == 0

    def test_a_negative_bound_is_none(self) -> None:
        for make in (processing.Queue, processing.JoinableQueue, processing.LifoQueue, processing.PriorityQueue):
            queue = make(-1)
            for number in range(1000):
                queue.put_nowait(number)
            assert queue.qsize() == 1000

    def test_of_locks(self) -> None:
        for make in (processing.Semaphore, processing.BoundedSemaphore):
            semaphore = make(Number(2))
            assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]
            semaphore.release(Number(2))
            assert semaphore.get_value() == 2
        condition = processing.Condition()
        with condition:
            condition.notify(Number(1))
        assert processing.Barrier(Number(1)).wait() == 0
        with pytest.raises(TypeError):
            processing.Semaphore(1.5)  # type: ignore[arg-type]

    def test_an_index_that_raises(self) -> None:
        class Broken:
            def __index__(self) -> int:
                raise LookupError

        for use in (processing.Semaphore, processing.Queue, processing.LifoQueue, processing.Barrier):
            with pytest.raises(LookupError):
                use(Broken())  # type: ignore[operator]

    def test_of_arrays_and_memory(self) -> None:
        assert processing.RawArray("i", Number(2))[:] == [0, 0]
        assert processing.Array("i", Number(2))[:] == [0, 0]
