"""Promise 2: what cannot be pickled or unpickled fails its own task."""

from __future__ import annotations

import enum
import functools
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import processing_sync  # noqa: F401  # contexts have a Barrier then
from processing_core import get_context
from processing_pool import IMapIterator, MaybeEncodingError, NotUnpicklableError, Pool, RemoteTraceback, WorkerDied
from processing_testing.children import tasks
from processing_testing.harness.mechanisms import START_METHODS

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


@pytest.mark.parametrize("method", START_METHODS)
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


def returned(value: Any) -> Any:
    return value


class TestClassesByValue:
    """What a class has by being made, an instance that comes back from a worker needs, too."""

    def test_instances_with_slots_come_back(self, pool: Pool) -> None:
        @dataclass(slots=True)
        class Point:
            x: int

        class Private:
            __slots__ = ("__dict__", "__hidden", "shown")

            def __init__(self) -> None:
                self.__hidden, self.shown, self.added = 1, 2, 3

            def all(self) -> tuple[int, ...]:
                return self.__hidden, self.shown, self.added

        class Single:
            __slots__ = "value"  # a string is one name

        class Derived(Single):
            __slots__ = {"more": "its documentation"}

        derived = Derived()
        derived.value, derived.more = 1, 2
        assert pool.apply(returned, (Point(1),)) == Point(1)
        assert pool.apply(Point, (2,)) == Point(2)
        assert pool.apply(lambda: hasattr(Point(3), "__dict__")) is False
        assert pool.apply(returned, (Private(),)).all() == (1, 2, 3)
        back = pool.apply(returned, (derived,))
        assert (type(back), back.value, back.more) == (Derived, 1, 2)

    def test_named_tuples_come_back(self, pool: Pool) -> None:
        class Pair(NamedTuple):
            first: int
            second: str = "x"

        assert pool.apply(returned, (Pair(1),)) == Pair(1)
        assert type(pool.apply(Pair, (1,))) is Pair

    def test_enumerations_have_their_aliases(self, pool: Pool) -> None:
        class Colour(enum.Enum):
            RED = 1
            ROUGE = 1  # noqa: PIE796  # an alias

        class Access(enum.Flag):
            READ = 1
            WRITE = 2
            BOTH = 3

        assert pool.apply(returned, (Colour.ROUGE,)) is Colour.RED
        assert pool.apply(lambda: (Colour.ROUGE, Access.BOTH)) == (Colour.RED, Access.BOTH)
        assert pool.apply(lambda: list(Colour.__members__)) == ["RED", "ROUGE"]

    def test_functions_with_a_cache_go_with_an_empty_one(self, pool: Pool) -> None:
        @functools.lru_cache(maxsize=5, typed=True)
        def fibonacci(number: int) -> int:
            return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

        class Owner:
            @functools.lru_cache  # noqa: B019  # the method's own
            def method(self) -> int:
                return 3

        fibonacci(20)
        assert pool.map(fibonacci, [10]) == [55]
        assert pool.apply(lambda: (fibonacci(10), fibonacci.cache_parameters())) == (55, fibonacci.cache_parameters())
        assert pool.apply(lambda: fibonacci.cache_info().currsize) == 0
        assert pool.apply(Owner().method) == 3

    def test_those_of_a_main_module_are_the_ones_that_a_worker_has(self, method: str, tmp_path: Path) -> None:
        program = tmp_path / "program.py"
        program.write_text(MAIN)
        run = subprocess.run([sys.executable, program, method], capture_output=True, text=True, timeout=60, check=False)
        assert (run.stdout, run.stderr) == ("[True, True, 'caught', 5]\n", "")

    @pytest.mark.skipif(os.name != "posix" or not os.path.exists("/dev/stdin"), reason="there is no such name")
    def test_a_program_that_is_read_from_a_name_of_standard_input(self, method: str, tmp_path: Path) -> None:
        program = tmp_path / "program.py"
        program.write_text(MAIN)
        with program.open() as file:
            run = subprocess.run(
                [sys.executable, "/dev/stdin", method],
                stdin=file,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert run.stderr == ""
        assert run.stdout in (
            "[True, True, 'caught', 5]\n",
            "[True, True, 'caught', None]\n",
        )  # its variables are copies


MAIN = """
import enum, sys
from processing_core import get_context
from processing_pool import Pool

class Colour(enum.Enum):
    RED = 1

class Kept:
    def __init__(self, *_):
        pass

class Failed(Exception):
    pass

number = None

def set_number():
    global number
    number = 5

def get_number():
    return number

def fail():
    raise Failed

def caught(function):
    try:
        function()
    except Failed:
        return "caught"

def main():
    pool = Pool(1, set_number, context=get_context(sys.argv[1]))
    with pool:
        print([
            pool.apply(lambda colour: colour is Colour.RED, (Colour.RED,)),
            pool.apply(lambda kept: isinstance(kept, Kept), (Kept(),)),
            pool.apply(lambda function: caught(function), (fail,)),
            pool.apply(lambda: get_number()),
        ])

if __name__ == "__main__":
    main()
"""
