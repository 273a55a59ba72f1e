"""Members wait at a condition and are notified."""

from __future__ import annotations

import os
import signal
from typing import Any, NamedTuple, NoReturn

from processing_testing.crashing.scenario import Scenario, Tally, scenario


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
class PassOnToLast(PassOn):
    """Likewise, where nobody else waits: a notification that finds nobody would end."""

    count = 2


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
