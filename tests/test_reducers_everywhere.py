"""A reducer that a program has registered is used wherever an object is pickled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import pytest

import processing
from processing import reduction
from processing_core import _reducers

METHODS = processing.get_all_start_methods()


class OnlyByReducer:
    """An object that only a registered reducer can pickle; its copy shows that the reducer was used."""

    def __init__(self, word: str, how: str = "made here") -> None:
        self.word, self.how = word, how

    def __reduce__(self) -> Any:
        raise TypeError("it does not pickle by itself")


def rebuild(word: str) -> OnlyByReducer:
    return OnlyByReducer(word, "as registered")


def through(make: Callable[[], Any]) -> Callable[[object], Any]:
    def travel(thing: object) -> Any:
        queue = make()
        queue.put(thing)
        return queue.get()

    return travel


def through_put_many(thing: object) -> Any:
    queue: processing.Queue[Any] = processing.Queue()
    queue.put_many([thing])
    return queue.get_many(1)[0]


def through_pipe(thing: object) -> Any:
    receiver, sender = processing.Pipe(duplex=False)
    with receiver, sender:
        sender.send(thing)
        return receiver.recv()


def through_listener(thing: object) -> Any:
    listener = processing.Listener()
    with listener, processing.Client(listener.address) as client, listener.accept() as accepted:
        client.send(thing)
        return accepted.recv()


WAYS = {
    "Queue": through(processing.Queue),
    "JoinableQueue": through(processing.JoinableQueue),
    "SimpleQueue": through(processing.SimpleQueue),
    "LifoQueue": through(processing.LifoQueue),
    "PriorityQueue": lambda thing: through(processing.PriorityQueue)((1, thing))[1],
    "put_many": through_put_many,
    "Pipe": through_pipe,
    "Listener": through_listener,
}


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    reduction.register(OnlyByReducer, lambda obj: (rebuild, (obj.word,)))
    yield
    del _reducers._table[OnlyByReducer]


@pytest.mark.parametrize("way", WAYS)
def test_between_processes(way: str) -> None:
    there = WAYS[way](OnlyByReducer("word"))
    assert (there.word, there.how) == ("word", "as registered")


@pytest.mark.parametrize("method", METHODS)
def test_in_tasks(method: str) -> None:
    with processing.Pool(1, context=processing.get_context(method)) as pool:
        assert pool.apply(getattr, (OnlyByReducer("word"), "how")) == "as registered"
        assert pool.map(attrgetter("how"), [OnlyByReducer("a"), OnlyByReducer("b")]) == ["as registered"] * 2
