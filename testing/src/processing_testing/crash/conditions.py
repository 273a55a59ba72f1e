"""Members wait at a condition and are notified."""

from __future__ import annotations

import os
import signal
from typing import Any, NamedTuple, NoReturn

from processing_testing.crash.scenario import Scenario, Tally, scenario


class Waiters(NamedTuple):
    """A condition, and the processes that wait on it, in the order in which they began to wait."""

    condition: Any
    lock: Any
    pids: list[int]
    woken: list[Tally]


class _Waiting(Scenario[Waiters]):
    """If a process dies holding the lock, all waiters learn of it; else only the notified waiters wake, each once."""

    count = 3
    OWNER_DIED = 3
    """The exit code of a waiter that was told that the lock's owner had died."""

    def prepare(self) -> Waiters:
        lock = self.k.RLock()
        condition = self.k.Condition(lock)
        woken = [Tally() for _ in range(self.count)]
        return Waiters(condition, lock, [self._start_waiter(condition, tally) for tally in woken], woken)

    def _start_waiter(self, condition: Any, woken: Tally) -> int:
        notice_read, notice_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._wait(condition, woken, notice_write)
        os.close(notice_write)
        os.read(notice_read, 1)
        os.close(notice_read)
        with condition:  # the lock is free as soon as the process waits
            return pid

    def _wait(self, condition: Any, woken: Tally, notice_write: int) -> NoReturn:
        try:
            condition.acquire()
            os.write(notice_write, b"x")
            assert condition.wait(60)  # not for ever: no process ends this one if the scenario fails
            woken.add()
            condition.release()
        except RuntimeError:  # this kernel raises it instead of OwnerDied
            os._exit(self.OWNER_DIED)
        os._exit(0)

    def notified(self, world: Waiters) -> list[int]:
        """Which waiters must wake if no process died holding the lock."""
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
            assert pid == 0 or os.WEXITSTATUS(os.waitpid(pid, 0)[1]) in (0, self.OWNER_DIED)
        self.k.sweep()
        with world.condition:
            world.condition.notify()
            assert not world.condition.wait(0)
            assert world.condition._waiters == 0
        pid = self._start_waiter(world.condition, world.woken[0])
        with world.condition:
            world.condition.notify()
        assert os.waitpid(pid, 0)[1] == 0
        self.k.sweep()

    def _verify_dead(self, world: Waiters) -> None:
        for i, pid in enumerate(world.pids):
            if pid:
                assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) in (0, self.OWNER_DIED)
                world.pids[i] = 0
        world.lock._begin_repair()
        world.lock._end_repair(True)

    def _verify_notified(self, world: Waiters) -> None:
        expected = self.notified(world)
        for i in expected:
            assert os.waitpid(world.pids[i], 0)[1] == 0
            world.pids[i] = 0
        with world.condition:
            world.condition.notify(0)  # looks for notifications of dead waiters to pass on, and finds none
            assert world.condition._waiters == sum(pid != 0 for pid in world.pids)
            now = [tally.value for tally in world.woken]
            assert now == [int(i in expected) for i in range(self.count)], (now, expected)
            world.condition.notify_all()


@scenario
class PassOn(_Waiting):
    """The notified waiter is dead; another process passes its notification on to exactly one waiter."""

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
            world.condition.wait(0)  # looks for such notifications before it sleeps

    def notified(self, world: Waiters) -> list[int]:
        return [1]


@scenario
class PassOnToLast(PassOn):
    """The same with one other waiter, so that a notification which finds no waiter is lost."""

    count = 2


@scenario
class Notify(_Waiting):
    """The notifying process dies; it holds the lock except in its last steps."""

    def act(self, world: Waiters) -> None:
        with world.condition:
            world.condition.notify(2)

    def notified(self, world: Waiters) -> list[int]:
        return [0, 1]


@scenario
class NotifyAll(_Waiting):
    """The process dies while it notifies all waiters."""

    def act(self, world: Waiters) -> None:
        with world.condition:
            world.condition.notify_all()

    def notified(self, world: Waiters) -> list[int]:
        return [0, 1, 2]


@scenario
class WaitGrow(_Waiting):
    """A waiter dies that is one more than the condition's own block has room for."""

    count = 7

    def act(self, world: Waiters) -> None:
        with world.condition:
            world.condition.wait(0)

    def notified(self, world: Waiters) -> list[int]:
        return []
