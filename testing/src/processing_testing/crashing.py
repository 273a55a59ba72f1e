"""Kill a process at every numbered step of the kernel, and again at every step of the recovery.

A *scenario* makes a small world of shared objects, lets a child act on it, and says what must be true after the child
was killed at any of its crash points and somebody recovered.  This module runs one scenario in a process of its own,
on the kernel with crash points: ``python -m processing_testing.crashing put --recoveries 3``.

After every round the kernel checks its own invariants: each count equals the references to its cell, each block is
owned once, nothing leaked.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import mmap
import os
import pickle
import random
import signal
import struct
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

W = TypeVar("W")

ARENA_LIMIT = 64 << 20


def load_crash_kernel() -> Any:
    """The kernel with crash points, in the place of the plain one; this process must not have loaded that."""
    kernel = importlib.import_module("processing_testing._crash_kernel")
    package = types.ModuleType("processing_core")
    package.__path__ = []
    sys.modules["processing_core"] = package
    sys.modules["processing_core._kernel"] = kernel
    kernel.set_pickler(lambda value: pickle.dumps(value, 5), pickle.loads)
    os.register_at_fork(
        before=kernel.fork_before, after_in_parent=kernel.fork_in_parent, after_in_child=kernel.fork_in_child
    )
    return kernel


class Tally:
    """A counter that survives its writer: one 8-byte store into memory outside the arena."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    @property
    def value(self) -> int:
        return int(struct.unpack("q", self._memory[:8])[0])

    def add(self) -> None:
        self._memory[:8] = struct.pack("q", self.value + 1)


class Scenario(Generic[W]):
    """What happens in a round.  ``act`` runs in the child that is killed, the others in the survivor."""

    def __init__(self, kernel: Any) -> None:
        self.k = kernel

    def prepare(self) -> W:
        """Make the world; the child inherits it."""
        raise NotImplementedError

    def act(self, world: W) -> None:
        """Do what is to be killed at every step."""
        raise NotImplementedError

    def verify(self, world: W) -> None:
        """Assert what must hold, whatever step the child died at; the kernel's own invariants are checked after."""


SCENARIOS: dict[str, type[Scenario[Any]]] = {}


def scenario(cls: type[Scenario[Any]]) -> type[Scenario[Any]]:
    """Register a scenario under its class's name in lower case."""
    SCENARIOS[cls.__name__.lower()] = cls
    return cls


# -- cells -----------------------------------------------------------------------------------------


@scenario
class Create(Scenario[list[Any]]):
    """Cells of several kinds and sizes are made and dropped, in another order."""

    def prepare(self) -> list[Any]:
        return []

    def act(self, world: list[Any]) -> None:
        world.extend([self.k.Lock(), self.k.pack(b"x" * 3000), self.k.Queue(), self.k.pack(b"y" * 70_000)])
        del world[1], world[0]
        world.append(self.k.pack(b"z" * 20_000))
        world.clear()


@scenario
class Attach(Scenario[tuple[Any, bytes]]):
    """Handles arrive as bytes; the object outlives their killed receiver."""

    def prepare(self) -> tuple[Any, bytes]:
        lock = self.k.Lock()
        return lock, pickle.dumps(lock)

    def act(self, world: tuple[Any, bytes]) -> None:
        handles = [pickle.loads(world[1]) for _ in range(3)]
        other = self.k.Lock()
        handles.append(pickle.loads(pickle.dumps(other)))
        handles.clear()

    def verify(self, world: tuple[Any, bytes]) -> None:
        assert pickle.loads(world[1]) == world[0]


@scenario
class Pages(Scenario[list[Any]]):
    """Runs of pages of many sizes are cut from and merged into their neighbours."""

    def prepare(self) -> list[Any]:
        return [self.k.pack(bytes(n)) for n in (5000, 90_000, 13_000)]

    def act(self, world: list[Any]) -> None:
        more = [self.k.pack(bytes(n)) for n in (4000, 9000, 33_000, 1_300_000)]
        del more[1], more[1]
        more.append(self.k.pack(bytes(17_000)))
        more.clear()


@scenario
class Chunks(Scenario[None]):
    """So many references that their table grows."""

    def prepare(self) -> None:
        return None

    def act(self, world: None) -> None:
        locks = [self.k.Lock() for _ in range(150)]
        locks.clear()


@scenario
class Parcels(Scenario[Any]):
    """Parcels that carry references, in parcels."""

    def prepare(self) -> Any:
        return self.k.Lock()

    def act(self, world: Any) -> None:
        inner = self.k.pack([world, self.k.Lock()])
        outer = self.k.pack({"inner": inner, "lock": world})
        del inner
        value = self.k.unpack(outer)
        del outer
        assert self.k.unpack(value["inner"])[0] == world

    def verify(self, world: Any) -> None:
        world.acquire(True, 0)


# -- the ring --------------------------------------------------------------------------------------


def drain(queue: Any) -> list[Any]:
    """All that is in a queue."""
    items = []
    while not queue.empty():
        items.append(queue.get(True, 5))
    return items


class _Ring(Scenario[tuple[Any, Any, Tally]]):
    """A queue, a lock that items may carry, and how many operations the child finished."""

    filled = 0

    def item(self, lock: Any, i: int) -> Any:
        """The i-th item."""
        return i

    def number(self, item: Any) -> int:
        """Which item it is."""
        return int(item)

    def prepare(self) -> tuple[Any, Any, Tally]:
        queue, lock = self.k.Queue(), self.k.Lock()
        for i in range(self.filled):
            queue.put(self.item(lock, i))
        return queue, lock, Tally()


class _Put(_Ring):
    count = 4

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        for i in range(self.count):
            queue.put(self.item(lock, i))
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        finished = done.value
        assert queue.qsize() in (finished, finished + 1), (queue.qsize(), finished)
        queue.put(self.item(lock, 99), True, 5)
        counted = queue.qsize()
        numbers = [self.number(item) for item in drain(queue)]
        assert counted == len(numbers), (counted, numbers)
        assert numbers[-1] == 99
        assert numbers[:-1] == list(range(len(numbers) - 1))
        assert len(numbers) - 1 in (finished, finished + 1), (numbers, finished)
        assert queue.qsize() == 0


class _Get(_Ring):
    filled = 6
    count = 4

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        for _ in range(self.count):
            queue.get()
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        finished = done.value
        queue.put(self.item(lock, self.filled), True, 5)
        counted = queue.qsize()
        numbers = [self.number(item) for item in drain(queue)]
        assert numbers in (
            list(range(finished, self.filled + 1)),
            list(range(finished + 1, self.filled + 1)),
        ), (numbers, finished)
        assert queue.qsize() == 0
        assert counted in (len(numbers), len(numbers) + 1), (counted, numbers)
        queue.put(self.item(lock, 0), False)
        assert self.number(queue.get(True, 5)) == 0


class _Large:
    """Items that travel as parcels and carry a reference."""

    def item(self, lock: Any, i: int) -> Any:
        return [i, lock]

    def number(self, item: Any) -> int:
        item[1].acquire(False)
        return int(item[0])


class _Long:
    """Items of which three fill a segment."""

    def item(self, lock: Any, i: int) -> Any:
        return bytes([i]) * 1300

    def number(self, item: Any) -> int:
        return int(item[0])


@scenario
class Put(_Put):
    """Small items."""


@scenario
class Get(_Get):
    """Small items."""


@scenario
class PutLarge(_Large, _Put):
    """Items with references: transfer records decide whose the parcels are."""


@scenario
class GetLarge(_Large, _Get):
    """Items with references: transfer records decide whose the parcels are."""


@scenario
class PutLong(_Long, _Put):
    """Across segments, which are made under way."""

    count = 8


@scenario
class GetLong(_Long, _Get):
    """Across segments, which are freed under way."""

    filled = 9
    count = 8


@scenario
class PutMany(_Large, _Ring):
    """A block of items is one operation: all or none."""

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        queue.put_many([self.item(lock, i) for i in range(5)])
        done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        queue.put(self.item(lock, 99), True, 5)
        numbers = [self.number(item) for item in drain(queue)]
        assert numbers == [0, 1, 2, 3, 4, 99] or (numbers == [99] and done.value == 0), numbers


@scenario
class Bounded(_Ring):
    """A queue for one item: a dead consumer must not leave it full, nor a dead producer empty."""

    def prepare(self) -> tuple[Any, Any, Tally]:
        return self.k.Queue(1), self.k.Lock(), Tally()

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        for i in range(3):
            queue.put(i)
            queue.get()
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, _ = world
        left = drain(queue)
        assert len(left) <= 1, left
        queue.put("mine", True, 5)
        assert queue.full() and queue.get(True, 5) == "mine"


@scenario
class DropRing(_Large, _Ring):
    """The last handle to a full queue is the child's own."""

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        _, lock, _ = world
        mine = self.k.Queue()
        for i in range(4):
            mine.put(self.item(lock, i))
        del mine


@scenario
class Claim(Scenario[tuple[Any, Any, Tally]]):
    """What a taker had taken can be told after its death, though another has taken the next message meanwhile."""

    filled = 6
    count = 4

    def prepare(self) -> tuple[Any, Any, Tally]:
        queue = self.k.Queue()
        for i in range(self.filled):
            queue._send(7, i, [queue] if i % 2 else i)
        return queue, self.k.Claims(2), Tally()

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, claims, done = world
        for _ in range(self.count):
            queue._receive(None, claims, 1)
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, claims, done = world
        taken = queue._receive(5, claims, 0)[1]
        queue._settle()
        assert claims.read(0) == (7, taken)
        assert taken in (done.value, done.value + 1)
        expected: set[tuple[int, int] | None] = {(7, taken - 1)}
        if taken in (0, done.value):
            expected.add(None)  # it died before it took the next one, and what it took before is done
        assert claims.read(1) in expected, (claims.read(1), taken, done.value)
        drain_rows(queue)


def drain_rows(queue: Any) -> None:
    """Take all that is in a queue of rows."""
    while not queue.empty():
        queue._receive(5)


# -- conditions ------------------------------------------------------------------------------------


class Waiters(NamedTuple):
    """A condition, and processes that wait on it, the first the longest."""

    condition: Any
    lock: Any
    pids: list[int]
    woken: list[Tally]


class _Waiting(Scenario[Waiters]):
    """Whoever dies with the lock leaves it dead, and all learn of it; else only the notified wake, each once."""

    count = 3
    LEARNT = 3
    """The exit code of a waiter that learnt of the death of the lock's owner."""

    def prepare(self) -> Waiters:
        lock = self.k.RLock()
        condition = self.k.Condition(lock)
        woken = [Tally() for _ in range(self.count)]
        return Waiters(condition, lock, [self._line_up(condition, tally) for tally in woken], woken)

    def _line_up(self, condition: Any, woken: Tally) -> int:
        said, saying = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._wait(condition, woken, saying)
        os.close(saying)
        os.read(said, 1)
        os.close(said)
        with condition:  # free: it waits
            return pid

    def _wait(self, condition: Any, woken: Tally, saying: int) -> NoReturn:
        try:
            condition.acquire()
            os.write(saying, b"x")
            assert condition.wait(60)  # not for ever: nobody ends it if the scenario fails
            woken.add()
            condition.release()
        except RuntimeError:  # what stands in for OwnerDied in this kernel
            os._exit(self.LEARNT)
        os._exit(0)

    def notified(self, world: Waiters) -> list[int]:
        """Which waiters must wake if nobody died holding the lock."""
        raise NotImplementedError

    def verify(self, world: Waiters) -> None:
        try:
            world.condition.acquire(True, 5)
        except RuntimeError:
            self._verify_dead(world)
        else:
            world.condition.release()
            self._verify_notified(world)
        for pid in world.pids:
            assert pid == 0 or os.WEXITSTATUS(os.waitpid(pid, 0)[1]) in (0, self.LEARNT)
        self.k.sweep()
        with world.condition:
            world.condition.notify()
            assert not world.condition.wait(0)
            assert world.condition._waiters == 0
        pid = self._line_up(world.condition, world.woken[0])
        with world.condition:
            world.condition.notify()
        assert os.waitpid(pid, 0)[1] == 0
        self.k.sweep()

    def _verify_dead(self, world: Waiters) -> None:
        for i, pid in enumerate(world.pids):
            if pid:
                assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) in (0, self.LEARNT)
                world.pids[i] = 0
        world.lock._begin_repair()
        world.lock._end_repair(True)

    def _verify_notified(self, world: Waiters) -> None:
        expected = self.notified(world)
        for i in expected:
            assert os.waitpid(world.pids[i], 0)[1] == 0
            world.pids[i] = 0
        with world.condition:
            world.condition.notify(0)  # looks for what is left to pass on, and finds nothing
            assert world.condition._waiters == sum(pid != 0 for pid in world.pids)
            now = [tally.value for tally in world.woken]
            assert now == [int(i in expected) for i in range(self.count)], (now, expected)
            world.condition.notify_all()


@scenario
class PassOn(_Waiting):
    """The notified waiter is dead; a passer-by passes its notification on to exactly one."""

    def prepare(self) -> Waiters:
        world = super().prepare()
        with world.condition:
            world.condition.notify()
            os.kill(world.pids[0], signal.SIGKILL)
            os.waitpid(world.pids[0], 0)
            world.pids[0] = 0
        return world

    def act(self, world: Waiters) -> None:
        with world.condition:
            world.condition.wait(0)  # looks before it sleeps

    def notified(self, world: Waiters) -> list[int]:
        return [1]


@scenario
class Notify(_Waiting):
    """The notifier dies, with the lock held but for the last steps."""

    def act(self, world: Waiters) -> None:
        with world.condition:
            world.condition.notify(2)

    def notified(self, world: Waiters) -> list[int]:
        return [0, 1]


@scenario
class NotifyAll(_Waiting):
    """Likewise."""

    def act(self, world: Waiters) -> None:
        with world.condition:
            world.condition.notify_all()

    def notified(self, world: Waiters) -> list[int]:
        return [0, 1, 2]


@scenario
class WaitGrow(_Waiting):
    """One waiter more than fit the condition's own block."""

    count = 7

    def act(self, world: Waiters) -> None:
        with world.condition:
            world.condition.wait(0)

    def notified(self, world: Waiters) -> list[int]:
        return []


# -- members ---------------------------------------------------------------------------------------


@scenario
class Fork(Scenario[list[Any]]):
    """A member forks another, which drops what it inherited."""

    def prepare(self) -> list[Any]:
        return [self.k.Lock() for _ in range(3)]

    def act(self, world: list[Any]) -> None:
        pid = os.fork()
        if pid == 0:
            world.clear()
            os._exit(0)
        os.waitpid(pid, 0)

    def verify(self, world: list[Any]) -> None:
        for lock in world:
            assert lock.acquire(True, 0)


@scenario
class Reserve(Scenario[Any]):
    """A place is made for a child that is never born."""

    def prepare(self) -> Any:
        return self.k.Lock()

    def act(self, world: Any) -> None:
        slot, serial, token = self.k.reserve("unborn")
        self.k.give(self.k.pack([world]), slot, serial)
        self.k.close_token(token)
        self.k.bury(slot, serial)


@scenario
class Leave(Scenario[Any]):
    """A member leaves in good order."""

    def prepare(self) -> Any:
        return self.k.Lock()

    def act(self, world: Any) -> None:
        queue = self.k.Queue()
        queue.put([world, queue])
        self.k.leave()


# -- running ---------------------------------------------------------------------------------------


def forked(body: Callable[[], None]) -> int:
    """Run *body* in a child and return the child's wait status."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        except BaseException:  # the child must end here, whatever happened
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def killed(status: int) -> bool:
    """Whether a child died at its crash point; it must otherwise have ended well."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert status == 0, f"the child failed with wait status {status}"
    return False


class Laboratory:
    """Runs one scenario, round by round."""

    def __init__(self, kernel: Any, name: str) -> None:
        self.k = kernel
        self.scenario = SCENARIOS[name](kernel)
        self.steps = mmap.mmap(-1, 8)

    def round(self, step: int, recovery_step: int) -> bool:
        """Kill the child at *step* (0: never), and a first recoverer at *recovery_step*.

        :return: whether the child reached its step.
        """
        died = self._round(self.scenario.prepare(), step, recovery_step)
        gc.collect()
        self.k.check()
        return died

    def _round(self, world: Any, step: int, recovery_step: int) -> bool:
        died = killed(forked(lambda: self._act(world, step)))
        if recovery_step:
            self.recovered_early = not killed(forked(lambda: self._recover(recovery_step)))
        self.k.sweep()
        self.scenario.verify(world)
        return died

    def _act(self, world: Any, step: int) -> None:
        self.k.crash_at(step)
        self.scenario.act(world)
        self.steps[:8] = struct.pack("q", self.k.crash_at(0))

    def _recover(self, step: int) -> None:
        self.k.crash_at(step)
        self.k.sweep()

    def count(self) -> int:
        """How many crash points the scenario passes."""
        self.round(0, 0)
        return int(struct.unpack("q", self.steps[:8])[0])

    def run(self, steps: int, recoveries: int, chance: random.Random) -> tuple[int, int]:
        """All steps, or as many as *steps* spread over them; for each so many steps of the recovery (0: all).

        :return: how many rounds, and how many of them killed a recoverer too.
        """
        total, rounds, twice = self.count(), 0, 0
        for step in spread(total, steps, chance):
            rounds += self.round(step, 0)
            for again in self._recovery_steps(recoveries, chance):
                self.round(step, again)
                rounds += 1
                if self.recovered_early:
                    break
                twice += 1
        return rounds, twice

    @staticmethod
    def _recovery_steps(recoveries: int, chance: random.Random) -> Iterator[int]:
        if recoveries:
            yield from sorted(chance.sample(range(1, 200), recoveries))
            return
        step = 1
        while True:
            yield step
            step += 1


def spread(total: int, most: int, chance: random.Random) -> list[int]:
    """All of 1..total, or at most so many of them at random."""
    everything = range(1, total + 1)
    return list(everything) if total <= most or not most else sorted(chance.sample(everything, most))


def main() -> None:
    """Run a scenario, and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    parser.add_argument("--steps", type=int, default=0, help="crash points of the act; 0: every one")
    parser.add_argument("--recoveries", type=int, default=0, help="crash points of each recovery; 0: every one")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    choice = parser.parse_args()
    print(f"seed {choice.seed}", flush=True)
    kernel = load_crash_kernel()
    kernel.found("laboratory", ARENA_LIMIT)
    laboratory = Laboratory(kernel, choice.scenario)
    rounds, twice = laboratory.run(choice.steps, choice.recoveries, random.Random(choice.seed))
    print(f"{choice.scenario}: {rounds} rounds, {twice} with a recoverer killed too; nothing lost, nothing leaked")


if __name__ == "__main__":
    main()
