"""A process forks while its threads hold and change shared objects: the child's slot, locks and rings are right."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import processing
from processing_core import lowlevel
from processing_testing.harness.mechanisms import needs_forks

pytestmark = [
    needs_forks,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.watchdog(300),
]


class World:
    """What the threads and the children share."""

    def __init__(self) -> None:
        self.lock = processing.Lock()
        self.held = processing.Lock()
        self.value = processing.Value("q", 0)
        self.queue: processing.Queue[int] = processing.Queue()
        self.condition = processing.Condition()

    def turn(self) -> None:
        """Use everything once, and make and drop something."""
        with self.lock:
            self.value.value += 1
        self.queue.put(1)
        assert self.queue.get(timeout=60) == 1
        with self.condition:
            self.condition.notify_all()
        processing.Lock().acquire()


@contextmanager
def busy(world: World, threads: int = 4) -> Iterator[list[int]]:
    """Threads that take turns; yields how many each took."""
    stop = threading.Event()
    turns = [0] * threads

    def work(number: int) -> None:
        while not stop.is_set():
            world.turn()
            turns[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield turns
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def use(world: World, parent: tuple[int, int] | None) -> None:
    """In the child: everything works, and a lock that a thread of the parent holds is shown as held."""
    assert lowlevel.member() not in (None, parent)
    for _ in range(20):
        world.turn()
    assert not world.held.acquire(timeout=0.01)
    own = processing.Queue[int]()
    own.put(3)
    assert own.get() == 3


@pytest.mark.attack
class TestForksAmongThreads:
    def test_by_os_fork(self, rounds: Callable[[int, int], int]) -> None:
        world, me = World(), lowlevel.member()
        with world.held, busy(world) as turns:
            for _ in range(rounds(30, 1000)):
                pid = os.fork()
                if pid == 0:
                    code = 1
                    try:
                        use(world, me)
                        code = 0
                    finally:
                        os._exit(code)
                assert os.waitpid(pid, 0)[1] == 0
        lowlevel.sweep()
        lowlevel.verify()
        assert world.value.value == sum(turns) + 20 * rounds(30, 1000)

    def test_by_starting_a_process(self, rounds: Callable[[int, int], int]) -> None:
        world, me = World(), lowlevel.member()
        context = processing.get_context("fork")
        with world.held, busy(world) as turns:
            for _ in range(rounds(30, 1000)):
                process = context.Process(target=use, args=(world, me))
                process.start()
                process.join()
                assert process.exitcode == 0
        lowlevel.verify()
        assert world.value.value == sum(turns) + 20 * rounds(30, 1000)


def test_a_list_that_threads_contend_for(rounds: Callable[[int, int], int]) -> None:
    """Without a GIL the list's lock may belong to a thread that the child does not have."""
    processing.Lock()  # makes the family
    shared, stop = list(range(100)), threading.Event()

    def work() -> None:
        while not stop.is_set():
            shared.append(shared.pop())

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(rounds(60, 1000)):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                shared.append(shared.pop())
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        stop.set()
        for worker in workers:
            worker.join()
