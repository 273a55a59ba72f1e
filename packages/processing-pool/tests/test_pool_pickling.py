"""Promise 2: what cannot be pickled or unpickled fails its own task."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest

import processing_sync  # noqa: F401  # contexts have a Barrier then
from processing_core import get_context
from processing_pool import IMapIterator, MaybeEncodingError, NotUnpicklableError, Pool, RemoteTraceback, WorkerDied
from processing_testing.children import tasks

Way = Callable[[Pool, Callable[..., Any], Any], Any]

WAYS: dict[str, Way] = {
    "apply": lambda pool, function, argument: pool.apply(function, (argument,)),
    "apply_async": lambda pool, function, argument: pool.apply_async(function, (argument,)).get(30),
    "map": lambda pool, function, argument: pool.map(function, [argument]),
    "map, one a chunk": lambda pool, function, argument: pool.map(function, [argument], 1),
    "map, in chunks": lambda pool, function, argument: pool.map(function, [argument] * 5, 3),
    "map_async": lambda pool, function, argument: pool.map_async(function, [argument]).get(30),
    "starmap": lambda pool, function, argument: pool.starmap(function, [(argument,)]),
    "imap": lambda pool, function, argument: pool.imap(function, [argument]).next(30),
    "imap, in chunks": lambda pool, function, argument: first_of(pool.imap(function, [argument] * 5, 3)),
    "imap_unordered": lambda pool, function, argument: pool.imap_unordered(function, [argument]).next(30),
    "submit": lambda pool, function, argument: pool.submit(function, argument).result(30),
}


def first_of(results: IMapIterator[Any]) -> Any:
    """The first result; the others are dropped. A dropped iterator would keep what its thread has not sent yet."""
    with closing(results):
        return results.next(30)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


@pytest.fixture
def pool(pool: Pool) -> Iterator[Pool]:
    """The shared pool, which must still run tasks at the end of the test."""
    yield pool
    assert pool.map(tasks.square, range(100), 1) == [i * i for i in range(100)]
    assert pool.apply(tasks.square, (3,)) == 9


class TestEachThing:
    def test_argument_that_does_not_dump(self, pool: Pool, way: Way) -> None:
        with pytest.raises(RuntimeError, match="does not dump"):
            way(pool, tasks.take, tasks.Unpicklable())

    def test_argument_that_does_not_load(self, pool: Pool, way: Way) -> None:
        with pytest.raises(MaybeEncodingError, match="does not load") as caught:
            way(pool, tasks.take, tasks.Unloadable())
        assert isinstance(caught.value.__cause__, RemoteTraceback)

    def test_function_that_does_not_dump(self, pool: Pool, way: Way) -> None:
        with pytest.raises(RuntimeError, match="does not dump"):
            way(pool, tasks.Unpicklable(), 1)

    def test_function_that_does_not_load(self, pool: Pool, way: Way) -> None:
        with pytest.raises(MaybeEncodingError, match="does not load"):
            way(pool, tasks.Unloadable(), 1)

    @pytest.mark.parametrize(
        "kind", ["result that does not dump", "result that does not load", "exception that does not dump"]
    )
    def test_result_or_exception(self, pool: Pool, way: Way, kind: str) -> None:
        with pytest.raises(MaybeEncodingError, match=r"does not (dump|load)|cannot pickle"):
            way(pool, tasks.make, kind)

    def test_exception_that_does_not_load(self, pool: Pool, way: Way) -> None:
        with pytest.raises(MaybeEncodingError, match="UnloadableError") as caught:
            way(pool, tasks.make, "exception that does not load")
        assert "1 and 2" in str(caught.value.__cause__)


class TestOnlyTheCulprit:
    GOOD_AND_BAD = [0, tasks.Unpicklable(), 2, 3, tasks.Unloadable(), 5]

    @pytest.mark.parametrize("chunksize", [1, 3, 6])
    def test_arguments_of_imap(self, pool: Pool, chunksize: int) -> None:
        results = pool.imap(tasks.take, self.GOOD_AND_BAD, chunksize)
        found = [_next(results) for _ in self.GOOD_AND_BAD]
        assert found == [0, RuntimeError, 2, 3, NotUnpicklableError, 5]

    def test_arguments_of_map_are_all_tried(self, pool: Pool) -> None:
        seen: list[object] = []
        items = [tasks.Unpicklable() if i % 10 == 0 else i for i in range(1000)]
        with pytest.raises(RuntimeError, match="does not dump"):
            pool.map(tasks.take, items, 7)
        with pytest.raises(RuntimeError, match="does not dump"):
            pool.map_async(tasks.take, items, error_callback=seen.append).get(30)
        assert len(seen) == 1

    @pytest.mark.parametrize("chunksize", [1, 2, 10])
    def test_results_of_imap(self, pool: Pool, chunksize: int) -> None:
        kinds = ["a", "result that does not dump", "b", "exception that does not dump", "c"]
        results = pool.imap(tasks.make, kinds, chunksize)
        expected = ["a", MaybeEncodingError, "b", MaybeEncodingError, "c"]
        assert [_next(results) for _ in kinds] == expected


def _next(results: Any) -> object:
    try:
        return results.next(30)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("name", ["_state._Passing", "_inside.mapstar", "_inside.starmapstar"])
def test_stored_pickles_find_what_they_name(name: str) -> None:
    """Stored pickles name these functions by the private modules that contained them at that time."""
    module, _, attribute = name.rpartition(".")
    loaded = pickle.loads(f"cprocessing_pool.{module}\n{attribute}\n.".encode())
    assert loaded.__name__ == attribute
    assert pickle.loads(pickle.dumps(loaded)) is loaded


def say_who(to: socket.socket, rendezvous: Any, number: int) -> int:
    """Write a byte; the first two tasks wait for each other, so that two workers have the function."""
    to.send(b"x")
    if number < 2:
        rendezvous.wait(30)
    return os.getpid()


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
class TestDescriptorsOfAFunction:
    """All workers get copies of the descriptors of a map's function, which is pickled once."""

    def test_every_worker_has_its_own(self, method: str) -> None:
        context = get_context(method)
        ours, theirs = socket.socketpair()
        with ours, theirs, context.Pool(2) as pool:
            work = partial(say_who, theirs, context.Barrier(2))
            assert len(set(pool.map(work, range(6), 1))) == 2
            assert len(set(pool.imap_unordered(work, range(6), 1))) == 2
            theirs.close()
            assert len(ours.recv(100)) == 12
            del work
            pool.terminate()
            pool.join()
            assert ours.recv(1) == b""  # no copy is left in this process

    def test_a_worker_that_replaces_a_dead_one_has_them_too(self, method: str) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs, get_context(method).Pool(1) as pool:
            results = pool.map(partial(die_at, theirs, 2), range(5), 1, return_exceptions=True)
            assert [type(result) for result in results] == [int, int, WorkerDied, int, int]
            assert len(ours.recv(100)) == 4


def die_at(to: socket.socket, fatal: int, number: int) -> int:
    if number == fatal:
        os._exit(3)
    to.send(b"x")
    return number
