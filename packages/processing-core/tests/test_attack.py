"""Attacks on the kernel as a whole: many members, mixed operations, a model, and SIGKILL at random instants."""

import gc
import itertools
import os
import random
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest

from processing_core._errors import OwnerDied
from processing_core._family import ensure_family
from processing_core._native import _kernel as k
from processing_testing.harness.mechanisms import needs_forks

pytestmark = [pytest.mark.attack, needs_forks]

SEED = random.SystemRandom().randrange(1 << 32)


@pytest.fixture(autouse=True)
def _a_clean_arena():
    """After each test the arena is consistent and holds no more cells than before."""
    ensure_family()
    gc.collect()
    k.sweep()
    before = k.stats()["cells"]
    yield
    gc.collect()
    k.sweep()
    k.verify()
    assert k.stats()["cells"] <= before  # cells that earlier tests left to be collected may be freed meanwhile


def start(body: Callable[[], None]) -> int:
    """Run *body* in a forked member; its exit status is 0 only if it returned."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        body()
        code = 0
    except BaseException:  # a child of a test must never return into pytest
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def content(tag: int, step: int) -> bytes:
    """Bytes that identify the worker that made them; their sizes need slabs or pages."""
    return struct.pack("qq", tag, step) * (1 + step * 37 % 900)


class Worker:
    """One member's random steps.  Its model is its own parcels, the sums, and the order of each sender."""

    def __init__(self, tag: int, seed: int, world: "World") -> None:
        self.tag, self.world, self.chance = tag, world, random.Random(seed)
        self.parcels: dict[int, k.Parcel] = {}
        self.latest: dict[int, int] = {}
        self.operations = [self.make, self.drop, self.read, self.put, self.get, self.count, self.fork_lock]

    def run(self, steps: Iterable[int]) -> None:
        for step in steps:
            self.chance.choice(self.operations)(step)

    def make(self, step: int) -> None:
        self.parcels[step] = k.pack(content(self.tag, step))

    def drop(self, step: int) -> None:
        if self.parcels:
            del self.parcels[self.chance.choice(list(self.parcels))]

    def read(self, step: int) -> None:
        """Check a parcel: a block that was allocated twice would contain another worker's bytes by now."""
        if self.parcels:
            made = self.chance.choice(list(self.parcels))
            assert k.unpack(self.parcels[made]) == content(self.tag, made)
        if len(self.parcels) > 40:
            self.parcels.clear()

    def put(self, step: int) -> None:
        inner = k.pack(content(self.tag, step)) if step % 3 == 0 else None
        with suppress(self.world.full):
            self.world.queue.put((self.tag, step, inner), False)

    def get(self, step: int) -> None:
        with suppress(self.world.empty):
            tag, number, inner = self.world.queue.get(False)
            assert number > self.latest.get(tag, -1), "the items of one producer came out of order"
            self.latest[tag] = number
            assert inner is None or k.unpack(inner) == content(tag, number)

    def count(self, step: int) -> None:
        with self.world.lock:
            self.world.counter.value += 1
        self.world.mine[self.tag].value += 1

    def fork_lock(self, step: int) -> None:
        lock = k.Lock()
        assert lock.acquire(False) and not lock.acquire(False)
        lock.release()


class World:
    """What the workers share."""

    def __init__(self, members: int) -> None:
        import queue

        self.empty, self.full = queue.Empty, queue.Full
        self.queue: k.Queue = k.Queue(50)
        self.lock = k.RLock()
        self.counter = k.Scalar("q", 0)
        self.mine = [k.Scalar("q", 0) for _ in range(members)]


@pytest.mark.watchdog(1200)
def test_eight_members_on_few_processors_keep_to_the_model(rounds: Callable[[int, int], int]) -> None:
    print(f"seed {SEED}")
    steps = rounds(24_000, 1_000_000) // 8
    world = World(8)
    pids = [start(lambda i=i: Worker(i, SEED + i, world).run(range(steps))) for i in range(8)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 8
    assert world.counter.value == sum(scalar.value for scalar in world.mine) > 0
    print(f"{steps * 8} steps of 8 members; {world.counter.value} increments under the lock")


class Victim(Worker):
    """A worker that must go on whenever another is killed, and repairs the state that it left."""

    def run(self, steps: Iterable[int]) -> None:
        for step in steps:
            try:
                self.chance.choice(self.operations)(step)
            except OwnerDied:
                self.repair()

    def repair(self) -> None:
        """Mark the state as repaired: it is one store, which no kill can split.  Another worker may be faster."""
        with suppress(ValueError):
            self.world.lock._begin_repair()
            self.world.lock._end_repair(True)

    def get(self, step: int) -> None:
        """Get an item; restarted producers begin again, so only the bytes are checked."""
        with suppress(self.world.empty):
            tag, number, inner = self.world.queue.get(False)
            assert inner is None or k.unpack(inner) == content(tag, number)


def drain(world: World) -> None:
    while not world.queue.empty():
        tag, number, inner = world.queue.get(True, 5)
        assert inner is None or k.unpack(inner) == content(tag, number)


@pytest.mark.watchdog(1200)
def test_survivors_carry_on_after_random_kills(rounds: Callable[[int, int], int]) -> None:
    print(f"seed {SEED}")
    chance, world, members = random.Random(SEED), World(4), 4
    beats = world.mine

    def started(i: int) -> int:
        return start(lambda: Victim(i, chance.random() * 1e9 // 1 + i, world).run(itertools.count()))

    pids = [started(i) for i in range(members)]
    count = rounds(20, 200)
    for _ in range(count):
        time.sleep(chance.random() * 0.02)  # a random instant for the kill; no synchronization depends on it
        victim = chance.randrange(members)
        os.kill(pids[victim], signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(pids[victim], 0)[1]) == signal.SIGKILL, "a worker failed by itself"
        k.sweep()
        pids[victim] = started(victim)
    seen = [beat.value for beat in beats]
    deadline = time.monotonic() + 20
    while any(beat.value <= before for beat, before in zip(beats, seen, strict=True)):
        assert time.monotonic() < deadline, "a survivor does not carry on"
        os.sched_yield()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    k.sweep()
    drain(world)
    print(f"{count} random kills; the members went on")


@pytest.mark.watchdog(1200)
def test_two_processors_oversubscribed_tenfold(rounds: Callable[[int, int], int]) -> None:
    """Ten producers and ten consumers; every item arrives once, and each producer's in order."""
    each = rounds(500, 20_000)
    queue: k.Queue = k.Queue(64)
    results: k.Queue = k.Queue()

    def produce(i: int) -> None:
        for n in range(each):
            queue.put((i, n))

    def consume() -> None:
        latest: dict[int, int] = {}
        total = 0
        while (item := queue.get()) is not None:
            assert item[1] > latest.get(item[0], -1)
            latest[item[0]] = item[1]
            total += item[1]
        results.put(total)

    producers = [start(lambda i=i: produce(i)) for i in range(10)]
    consumers = [start(consume) for _ in range(10)]
    for pid in producers:
        assert os.waitpid(pid, 0)[1] == 0
    for _ in consumers:
        queue.put(None)
    for pid in consumers:
        assert os.waitpid(pid, 0)[1] == 0
    assert sum(results.get() for _ in consumers) == 10 * each * (each - 1) // 2


@pytest.mark.watchdog(1200)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_forks_among_busy_threads(rounds: Callable[[int, int], int]) -> None:
    """Threads work on shared objects while another forks, again and again; the children work too."""
    world, threads, stop = World(8), 8, threading.Event()
    locks: k.Queue = k.Queue()

    def work(i: int) -> None:
        worker = Worker(i, SEED + i, world)
        worker.run(itertools.takewhile(lambda _: not stop.is_set(), itertools.count()))

    def child() -> None:
        for _ in range(20):
            with world.lock:
                world.counter.value += 1
            locks.put([k.Lock(), world.lock], True, 20)
            assert locks.get(True, 20)[1] == world.lock

    failures: list[BaseException] = []
    team = [threading.Thread(target=run_or_note, args=(work, i, failures)) for i in range(threads)]
    for thread in team:
        thread.start()
    statuses = [os.waitpid(start(child), 0)[1] for _ in range(rounds(20, 500))]
    stop.set()
    for thread in team:
        thread.join()
    assert not failures and not any(statuses), (failures, statuses)


def run_or_note(work: Callable[[int], None], i: int, failures: list[BaseException]) -> None:
    try:
        work(i)
    except BaseException as error:  # a thread of a test: the test reports it
        failures.append(error)
