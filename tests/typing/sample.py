"""A user's program: mypy --strict and pyright check it, and it is not run. Every `assert_type` is a promise.

Where a line says ``type: ignore``, the checkers must object: an ignore that ignores nothing is an error to both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

import numpy

import processing
from processing_managers.managers import DictProxy, ListProxy


def square(number: int) -> int:
    return number * number


def greet(name: str, times: int) -> None: ...


def processes() -> None:
    process = processing.Process(target=greet, args=("Ada", 3))
    process.start()
    process.join(timeout=1.0)
    assert_type(process.exitcode, int | None)
    assert_type(process.name, str)
    processing.Process(target=greet, args=["Ada"], kwargs={"times": 3}, daemon=True)
    processing.Process(target=greet, args=["Ada", 3])
    processing.Process(None, greet, "a greeting", ("Ada", 3))
    processing.Process(target=greet, args=(3, "Ada"))  # type: ignore[arg-type]
    processing.Process(target=greet, args=("Ada",))  # type: ignore[arg-type]


class Greeter(processing.Process):
    def __init__(self, peer: str) -> None:
        super().__init__(name=f"greeter of {peer}")
        self.peer = peer

    def run(self) -> None:
        greet(self.peer, 1)


def synchronization() -> None:
    lock: processing.Lock = processing.Lock()
    with lock:
        pass
    assert_type(lock.acquire(timeout=0.1), bool)
    condition = processing.Condition(processing.RLock())
    with condition:
        condition.notify_all()
    assert_type(processing.Event().wait(1), bool)
    barrier: processing.Barrier = processing.Barrier(3, action=lambda: print("all here"))
    assert_type(barrier.wait(timeout=1.0), int)


def queues() -> None:
    queue: processing.Queue[int] = processing.Queue()
    queue.put(1)
    assert_type(queue.get(timeout=1.0), int)
    queue.put("one")  # type: ignore[arg-type]


def values() -> None:
    counter: processing.Value[int] = processing.Value("i", 0)
    with counter.get_lock():
        counter.value += 1
    assert_type(processing.Value("d").value, float)
    assert_type(processing.Value("?", True).value, bool)
    counter.value = "one"  # type: ignore[assignment]
    counter.add(1)
    assert_type(counter.fetch_add(-1), int)
    assert_type(processing.Value("c").exchange(b"a"), bytes)
    assert_type(counter.compare_exchange(1, 2), bool)
    counter.add("one")  # type: ignore[arg-type]
    assert_type(processing.RawValue("i", 1).value, int)


def arrays() -> None:
    numbers: processing.Array[int] = processing.Array("i", [1, 2, 3])
    with numbers.get_lock():
        numbers[0] += 1
    assert_type(numbers[1], int)
    assert_type(numbers[1:], list[int])
    assert_type(processing.Array("d", 3)[0], float)
    assert_type(processing.Array("c", b"hello").value, bytes)
    numbers[0] = "one"  # type: ignore[call-overload]


def shared_arrays() -> None:
    matrix: processing.SharedArray[numpy.float64] = processing.SharedArray((2, 3))
    matrix.array += 1.5
    assert_type(processing.SharedArray(5, numpy.int16), processing.SharedArray[numpy.int16])
    assert_type(processing.SharedArray.from_array(numpy.zeros(3, numpy.uint8)), processing.SharedArray[numpy.uint8])
    assert_type(matrix.shape, tuple[int, ...])
    processing.SharedArray("3")  # type: ignore[arg-type]


def handles() -> None:
    inner: processing.Queue[str] = processing.Queue()
    outer: processing.Queue[processing.Queue[str]] = processing.Queue()
    outer.put(inner)
    assert_type(outer.get().get(), str)


def contexts() -> None:
    context = processing.get_context("spawn")
    process: processing.Process = context.Process(target=greet, args=("Ada", 3))
    assert_type(process.is_alive(), bool)
    assert_type(processing.get_all_start_methods(), list[str])
    assert_type(processing.cpuCount(), int)


def pools() -> None:
    with processing.Pool(2) as pool:
        assert_type(pool.map(square, range(3)), list[int])
        assert_type(pool.apply(square, (3,)), int)
        assert_type(pool.apply_async(square, (3,)).get(timeout=1.0), int)
        assert_type(pool.map_async(square, [1, 2]).get(), list[int])
        lazily: Iterator[int] = pool.imap(square, range(3), chunksize=2)
        anyhow: Iterator[int] = pool.imap_unordered(square, range(3))
        assert_type(next(lazily) + next(anyhow), int)
        pool.map(square, ["a"])  # type: ignore[arg-type]


def managers() -> None:
    with processing.Manager() as manager:
        numbers = manager.list([1])
        assert_type(numbers, ListProxy[int])
        assert_type(numbers[0], int)
        assert_type(numbers[:1], list[int])
        stock: DictProxy[str, int] = manager.dict()
        stock["apples"] = 1
        assert_type(stock.get("apples"), int | None)
        assert_type(manager.dict(apples=1), DictProxy[str, int])
        assert_type(manager.Value("i", 1).value, int)
        assert_type(manager.Event().wait(1), bool)
        stock["apples"] = "one"  # type: ignore[assignment]


def misspelled() -> None:
    processing.Qeueu()  # type: ignore[attr-defined]
