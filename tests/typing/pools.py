"""A user's program with pools: see `sample.py`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from typing import assert_type

import processing


def square(number: int) -> int:
    return number * number


def name_of(names: dict[int, str], number: int) -> str:
    return names[number]


def options() -> None:
    with processing.Pool(2, timeout=3.5, retries=2, backoff=0.1, max_memory=1 << 30) as pool:
        assert_type(pool.map(square, [1], 1, timeout=None, retries=0), list[int])
        assert_type(pool.map(square, [1], return_exceptions=True), list[int | BaseException])
        assert_type(pool.starmap(pow, [(1, 2)], return_exceptions=False), list[int])
        assert_type(pool.apply(square, (1,), timeout=1), int)
        result = pool.apply_async(square, (1,), retries=3)
        assert_type(result.cancel(), bool)
        stream: Iterator[int] = pool.imap(square, [1], buffersize=10)
        next(stream)
        assert_type(pool.apply(square, (1,), priority=3), int)
        pool.map(square, [1], priority="high")  # type: ignore[call-overload]
        pool.resize(3)
        pool.resize("three")  # type: ignore[arg-type]
        assert_type(pool.join(1.5), bool)
        pool.apply(square, (1,), tiemout=1)  # type: ignore[call-arg]


def idle() -> None:
    with processing.get_context("spawn").Pool(2, idle_timeout=0.5, priority=1) as pool:
        pool.resize(4)
    processing.reusable_pool(2, idle_timeout=60.0).resize(3)
    processing.Pool(2, idle_timeout="soon")  # type: ignore[arg-type]


def state() -> None:
    names = processing.WorkerState(dict[int, str], close=lambda state: state.clear())
    assert_type(names.get(), dict[int, str])
    with processing.Pool(2) as pool:
        assert_type(pool.map(names.passed_to(name_of), [1, 2]), list[str])
    assert_type(processing.worker_id(), int | None)


def executors() -> None:
    with processing.ProcessPoolExecutor(2) as executor:
        plain: Executor = executor
        assert_type(executor.submit(square, 3), Future[int])
        assert_type(list(executor.map(square, [1], timeout=3, chunksize=2, buffersize=10)), list[int])
        executor.submit(square, "three")  # type: ignore[arg-type]
        plain.shutdown()
    with processing.Pool(2) as pool:
        assert_type(pool.submit(square, 3).result(), int)
        pool.submit(square, "three")  # type: ignore[arg-type]
