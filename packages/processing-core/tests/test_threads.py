"""Threads of one process on one arena, beside members that keep its lock contended: what ThreadSanitizer can see.

A contended arena lock is waited for without the GIL, so the threads use the kernel's own state at the same time, too.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from processing_core._family import ensure_family
from processing_core._native import _kernel as k
from processing_testing.children import killing
from processing_testing.harness.mechanisms import needs_forks

pytestmark = [pytest.mark.attack, needs_forks]

THREADS = 8


@pytest.fixture(autouse=True)
def _busy() -> Iterator[None]:
    """The GIL is passed on as often as possible; afterwards the arena is consistent."""
    ensure_family()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    with other_members(2):
        yield
    sys.setswitchinterval(interval)
    gc.collect()
    k.sweep()
    k.verify()


@contextmanager
def other_members(n: int) -> Iterator[None]:
    """Members that only allocate and free blocks, until they are killed."""
    pids = [os.fork() for _ in range(n) if os.getpid() == PARENT]
    if os.getpid() != PARENT:
        while True:
            k.pack(bytes(5000))
    try:
        yield
    finally:
        for pid in pids:
            killing.kill(pid)
            os.waitpid(pid, 0)


PARENT = os.getpid()


def together(*bodies: Callable[[], None]) -> None:
    """Run each body in a thread of its own, from a common start."""
    start, failures = threading.Barrier(len(bodies)), []

    def run(body: Callable[[], None]) -> None:
        start.wait()
        try:
            body()
        except BaseException as error:  # a thread of a test: the test reports it
            failures.append(error)

    team = [threading.Thread(target=run, args=(body,)) for body in bodies]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    assert failures == []


def test_references_while_their_table_grows(rounds: Callable[[int, int], int]) -> None:
    """Each thread makes, attaches and drops handles, more than a chunk of the table holds."""

    def body() -> None:
        for _ in range(rounds(2, 20)):
            made: list[Any] = [k.Lock() for _ in range(2000)]
            copies = [pickle.loads(pickle.dumps(lock)) for lock in made]
            assert copies == made
            made += [k.pack(bytes(n * 50)) for n in range(100)]

    together(*[body] * THREADS)


@pytest.mark.parametrize("size", [8, 3000, 20_000], ids=["small", "segments", "parcels"])
@pytest.mark.parametrize("maxsize", [0, 3], ids=["unbounded", "bounded"])
def test_a_queue(rounds: Callable[[int, int], int], maxsize: int, size: int) -> None:
    each = rounds(200, 5000)
    queue, done = k.Queue[bytes | None](maxsize), [0] * 4

    def put() -> None:
        for _ in range(each):
            queue.put(bytes(size))

    def get(i: int) -> None:
        while (item := queue.get()) is not None:
            assert len(item) == size
            done[i] += 1

    def end() -> None:
        together(put, put, put, put)
        queue.put_many([None] * 4)

    together(end, *[lambda i=i: get(i) for i in range(4)])
    assert sum(done) == 4 * each


def test_primitives(rounds: Callable[[int, int], int]) -> None:
    """All threads wait for each other on shared handles, whose spin counts are state of this process."""
    each = rounds(200, 5000)
    lock, rlock, semaphore, bounded, event = k.Lock(), k.RLock(), k.Semaphore(2), k.BoundedSemaphore(2), k.Event()
    condition, total, locked = k.Condition(rlock), k.Scalar("q", 0), k.LockedScalar("q", 0, rlock)

    def body() -> None:
        for n in range(each):
            with lock:
                total.value += 1
            with semaphore, bounded, rlock:
                locked.value += 1
            with condition:
                condition.notify_all()
                condition.wait(0.001)
            event.set() if n % 2 else event.clear()
            event.wait(0.0001)

    together(*[body] * THREADS)
    assert total.value == locked.value == each * THREADS


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_forks_while_handles_come_and_go(rounds: Callable[[int, int], int]) -> None:
    """The child counts the handles that it inherits, so it may drop all of them."""
    stop, shared = threading.Event(), {}
    keep = k.Queue[int]()

    def churn(i: int) -> None:
        while not stop.is_set():
            shared[i] = [k.Lock() for _ in range(150)]
            with suppress(KeyError):
                del shared[i]

    def fork() -> None:
        try:
            for _ in range(rounds(30, 1000)):
                pid = os.fork()
                if pid == 0:
                    code = 1
                    with suppress(BaseException):
                        shared.clear()
                        fresh = [k.Lock() for _ in range(300)]
                        assert len({lock.cell for lock in fresh}) == 300
                        keep.put(1)
                        fresh.clear()
                        code = 0
                    os._exit(code)
                assert os.waitpid(pid, 0)[1] == 0
                assert keep.get(True, 20) == 1
        finally:
            stop.set()

    together(fork, *[lambda i=i: churn(i) for i in range(3)])
