from __future__ import annotations

import pickle
import threading

import pytest

import processing_core
from processing_core import BaseContext, ClosedError
from processing_queues import SimpleQueue
from processing_testing import traffic


def test_first_in_first_out() -> None:
    queue: SimpleQueue[int] = SimpleQueue()
    assert queue.empty()
    for number in range(3):
        queue.put(number)
    assert not queue.empty()
    assert [queue.get() for _ in range(3)] == [0, 1, 2]


def test_between_processes(context: BaseContext) -> None:
    queue: SimpleQueue[tuple[int, int]] = SimpleQueue()
    processes = [context.Process(target=traffic.put_range, args=(queue, number, 100)) for number in range(3)]
    for process in processes:
        process.start()
    got = [queue.get() for _ in range(300)]
    for number, process in enumerate(processes):
        process.join()
        assert [i for producer, i in got if producer == number] == list(range(100))
    assert queue.empty()


def test_travels(context: BaseContext) -> None:
    queue: SimpleQueue[SimpleQueue[str]] = SimpleQueue()
    inner: SimpleQueue[str] = SimpleQueue()
    process = context.Process(target=traffic.put_into_what_comes, args=(queue, "a word"))
    process.start()
    queue.put(inner)
    assert inner.get() == "a word"
    process.join()


def test_holds_more_than_a_pipe_does() -> None:
    queue: SimpleQueue[bytes] = SimpleQueue()
    for _ in range(100):
        queue.put(bytes(100_000))
    assert sum(len(queue.get()) for _ in range(100)) == 10_000_000


def test_close() -> None:
    queue: SimpleQueue[int] = SimpleQueue()
    queue.put(1)
    queue.close()
    queue.close()
    for use in (lambda: queue.put(1), queue.get, queue.empty):
        with pytest.raises(ClosedError):
            use()
        assert issubclass(ClosedError, OSError)  # multiprocessing's


def test_the_unpicklable_raises_in_put() -> None:
    queue: SimpleQueue[object] = SimpleQueue()
    with pytest.raises((TypeError, pickle.PicklingError)):
        queue.put(threading.Lock())
    assert queue.empty()


def test_takes_no_bound() -> None:
    with pytest.raises(TypeError):
        SimpleQueue(3)  # type: ignore[call-arg]


def test_repr_and_typing() -> None:
    queue: SimpleQueue[int] = SimpleQueue()
    assert repr(queue) == f"<processing_queues.SimpleQueue object at {id(queue):#x}>"
    assert SimpleQueue[int]


@pytest.mark.parametrize("name", [None, *processing_core.get_all_start_methods()])
def test_contexts_offer_it(name: str | None) -> None:
    assert isinstance(processing_core.get_context(name).SimpleQueue(), SimpleQueue)
