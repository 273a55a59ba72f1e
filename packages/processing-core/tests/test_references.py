"""A member's table of references frees its memory when the handles are dropped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

import processing_core
from processing_core import lowlevel
from processing_core._native import _kernel as k
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

MANY = 40_000
MIB = 1 << 20


def used() -> int:
    return int(lowlevel.stats()["used"])


@pytest.mark.parametrize("order", [list, lambda made: made[::-1], lambda made: sorted(made, key=id)], ids=str)
def test_it_shrinks_in_whatever_order_they_go(order: Callable[[list[Any]], list[Any]]) -> None:
    processing_core.lowlevel.ensure_family()
    before = used()
    locks = order([k.Lock() for _ in range(MANY)])
    assert used() > before + MIB
    while locks:
        locks.pop()
    assert used() < before + MIB // 4
    k.verify()


def test_what_is_left_stays_usable(context: processing_core.BaseContext) -> None:
    locks = [k.Lock() for _ in range(MANY)]
    kept = locks[::5000]
    del locks
    again = [k.Lock() for _ in range(1000)]
    for lock in [*kept, *again]:
        assert lock.acquire(True, 0)
    child = context.Process(target=os._exit, args=(7,))
    child.start()
    child.join()
    assert child.exitcode == 7
    k.verify()


@needs_forks
def test_a_forked_child_has_the_same_numbers() -> None:
    locks = [k.Lock() for _ in range(MANY)]
    last = locks[-1]
    del locks
    pid = os.fork()
    if not pid:
        status = 1
        try:
            more = [k.Lock() for _ in range(3000)]
            more.clear()
            status = 0 if last.acquire(True, 0) else 2
            last.release()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert last.acquire(True, 0)


@needs_forks
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_among_threads_that_make_and_drop_and_fork() -> None:
    over = threading.Event()
    failures: list[BaseException] = []

    def work(count: int) -> None:
        try:
            while not over.is_set():
                locks = [k.Lock() for _ in range(count)]
                assert all(lock.acquire(True, 0) for lock in locks)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(count,)) for count in (3000, 5000, 7000)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            pid = os.fork()
            if not pid:
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not failures
    k.verify()


@needs_forks
@pytest.mark.attack
def test_threads_that_grow_at_once_while_others_keep_the_arena(rounds: Callable[[int, int], int]) -> None:
    """A thread that waits for the arena releases the GIL, so others may append and index chunks before it does."""
    scripts.run(
        """
        import os, signal, sys, threading
        from processing_core._native import _kernel as k

        def keep_the_arena():
            while True:
                [k.Lock() for _ in range(50)].clear()

        k.Lock()
        others = []
        for _ in range(2):
            others.append(os.fork())
            if not others[-1]:
                keep_the_arena()

        def grow():
            start.wait()
            locks = [k.Lock() for _ in range(6000)]
            assert all(lock.acquire(True, 0) for lock in locks)
            for lock in locks:
                lock.release()

        sys.setswitchinterval(1e-5)
        try:
            for _ in range(int(sys.argv[1])):
                start = threading.Barrier(6)
                threads = [threading.Thread(target=grow) for _ in range(6)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                k.verify()
        finally:
            for pid in others:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        k.sweep()  # undoes what they had begun
        k.verify()
        """,
        str(rounds(20, 2000)),
    )
