"""Promise 11: any shared object can be sent to any process of the family."""

from collections.abc import Iterator
from typing import Any

import pytest

import processing
from processing_testing.children import connections, travel

METHODS = processing.get_all_start_methods()


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=METHODS)
def pool(request: pytest.FixtureRequest) -> Iterator[Any]:
    with processing.get_context(request.param).Pool(1) as pool:
        yield pool


@pytest.fixture(params=travel.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def thing(kind: str) -> Any:
    return travel.make(kind)


class Run:
    """A process that does something, and must succeed."""

    def __init__(self, method: str, target: Any, *arguments: Any) -> None:
        self.process = processing.get_context(method).Process(target=target, args=arguments)

    def __enter__(self) -> None:
        self.process.start()

    def __exit__(self, *error: object) -> None:
        self.process.join()
        assert self.process.exitcode == 0


class TestProcess:
    def test_as_an_argument(self, method: str, kind: str, thing: Any) -> None:
        travel.KINDS[kind].prepare(thing)
        with Run(method, travel.do, kind, thing):
            assert travel.KINDS[kind].seen(thing)

    def test_inside_an_argument(self, method: str, kind: str, thing: Any) -> None:
        travel.KINDS[kind].prepare(thing)
        with Run(method, travel.do_all, kind, {"these": [(thing,)]}):
            assert travel.KINDS[kind].seen(thing)

    def test_to_a_grandchild(self, method: str, kind: str, thing: Any) -> None:
        travel.KINDS[kind].prepare(thing)
        with Run(method, travel.pass_on, kind, thing, method):
            assert travel.KINDS[kind].seen(thing)


class TestQueue:
    def test_through_it(self, method: str, kind: str, thing: Any) -> None:
        queue: processing.Queue[Any] = processing.Queue()
        travel.KINDS[kind].prepare(thing)
        with Run(method, travel.take_and_do, kind, queue):
            queue.put(thing)
            assert travel.KINDS[kind].seen(thing)

    def test_through_one_that_comes_through_another(self, method: str, kind: str, thing: Any) -> None:
        inner: processing.Queue[Any] = processing.Queue()
        outer: processing.Queue[processing.Queue[Any]] = processing.Queue()
        travel.KINDS[kind].prepare(thing)
        with Run(method, travel.take_from_within_and_do, kind, outer):
            inner.put(thing)
            outer.put(inner)
            assert travel.KINDS[kind].seen(thing)

    def test_what_no_other_process_holds_is_kept(self, method: str, kind: str) -> None:
        queue: processing.Queue[Any] = processing.Queue()
        queue.put(travel.make(kind))
        travel.make(kind)  # would reuse its cell if that had been freed
        thing = queue.get()
        travel.KINDS[kind].prepare(thing)
        with Run(method, travel.do, kind, thing):
            assert travel.KINDS[kind].seen(thing)


class TestPool:
    def test_in_a_task(self, pool: Any, kind: str, thing: Any) -> None:
        travel.KINDS[kind].prepare(thing)
        result = pool.apply_async(travel.do, (kind, thing))
        assert travel.KINDS[kind].seen(thing)
        result.get()

    def test_in_a_task_and_back(self, pool: Any, kind: str, thing: Any) -> None:
        back = pool.apply(travel.same, (thing,))
        assert back == thing
        travel.KINDS[kind].prepare(back)
        result = pool.apply_async(travel.do, (kind, thing))
        assert travel.KINDS[kind].seen(back)
        result.get()

    def test_made_there(self, pool: Any, kind: str) -> None:
        thing = pool.apply(travel.make, (kind,))
        travel.KINDS[kind].prepare(thing)
        result = pool.apply_async(travel.do, (kind, thing))
        assert travel.KINDS[kind].seen(thing)
        result.get()

    def test_in_each_task_of_a_map(self, pool: Any, kind: str) -> None:
        things = [travel.make(kind) for _ in range(5)]
        for thing in things:
            travel.KINDS[kind].prepare(thing)
        result = pool.starmap_async(travel.do, [(kind, thing) for thing in things])
        for thing in things:
            assert travel.KINDS[kind].seen(thing)
        result.get()


class TestConnections:
    """Connections are no handles, and are sent in another way; a running process receives each pickle once."""

    def test_in_a_task_and_back(self, pool: Any) -> None:
        ours, theirs = processing.Pipe()
        with pool.apply(connections.send_through, (theirs, "there")) as back:
            assert ours.recv() == "there"
            back.send("back")
            assert ours.recv() == "back"

    def test_in_each_task_of_a_map(self, pool: Any) -> None:
        receiver, sender = processing.Pipe(False)
        pool.starmap(connections.send, [(sender, number) for number in range(5)])
        assert sorted(receiver.recv() for _ in range(5)) == [0, 1, 2, 3, 4]

    def test_to_the_initializer_of_workers(self, method: str) -> None:
        receiver, sender = processing.Pipe(False)
        with processing.get_context(method).Pool(2, connections.send, (sender, "here")) as pool:
            pool.apply(len, ([],))
            assert [receiver.recv() for _ in range(2)] == ["here", "here"]
