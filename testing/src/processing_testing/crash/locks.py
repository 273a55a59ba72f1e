"""Members that hold locks and permits are killed."""

from __future__ import annotations

from typing import Any, NamedTuple

from processing_testing.crash.scenario import Scenario, Tally, scenario


class Held(NamedTuple):
    """A lock, and how often a change of the state that it guards was begun and finished."""

    lock: Any
    begun: Tally
    finished: Tally


class _Holding(Scenario[Held]):
    """A process that acquires the lock finds the state consistent; else all learn of the death, and one repairs it."""

    kind: str

    def prepare(self) -> Held:
        return Held(getattr(self.k, self.kind)(), Tally(), Tally())

    def act(self, world: Held) -> None:
        for _ in range(3):
            with world.lock:
                world.begun.add()
                world.finished.add()

    def verify(self, world: Held) -> None:
        try:
            assert world.lock.acquire(True, 5)
        except RuntimeError:  # this kernel raises it instead of OwnerDied
            self._repair(world)
        else:
            world.lock.release()
        assert world.begun.value == world.finished.value
        assert world.lock.acquire(True, 5)
        world.lock.release()
        assert world.lock._holders() == []

    def _repair(self, world: Held) -> None:
        assert world.begun.value - world.finished.value in (0, 1)
        ((_, alive, _, _, repairing),) = world.lock._holders()
        assert (alive, repairing) == (False, False)
        world.lock._begin_repair()
        while world.finished.value < world.begun.value:
            world.finished.add()
        world.lock._end_repair(True)


@scenario
class Hold(_Holding):
    """A lock's holder dies."""

    kind = "Lock"


@scenario
class HoldAgain(_Holding):
    """A reentrant lock's holder dies."""

    kind = "RLock"

    def act(self, world: Held) -> None:
        with world.lock:
            super().act(world)


@scenario
class Repair(_Holding):
    """The process that repairs the state dies, or gives up the repair."""

    kind = "Lock"

    def prepare(self) -> Held:
        from processing_testing.crash.runner import forked

        world = super().prepare()
        forked(lambda: self._leave_half_done(world))
        return world

    @staticmethod
    def _leave_half_done(world: Held) -> None:
        world.lock.acquire()
        world.begun.add()

    def act(self, world: Held) -> None:
        world.lock.acquire(True, 0) if world.lock._holders() == [] else world.lock._begin_repair()
        world.lock._end_repair(False)
        world.lock._begin_repair()
        world.finished.add()
        world.lock._end_repair(True)


@scenario
class Reclaim(Scenario[Any]):
    """Permits of a dead process are released; a release of several permits may be done in part."""

    first, added = 60, 10

    def prepare(self) -> Any:
        return self.k.Semaphore(self.first, reclaim=True)

    def act(self, world: Any) -> None:
        for _ in range(3):
            world.acquire()
        world.release()
        world.release(2 + self.added)  # more than the first chunk has room for

    def verify(self, world: Any) -> None:
        free = 0
        while world.acquire(True, 0):
            free += 1
        assert self.first <= free <= self.first + self.added, free
        assert [row[2] for row in world._holders()] == [free]
        world.release(free)
        assert world.get_value() == free


@scenario
class Site(Scenario[None]):
    """The line that created a primitive is stored with it, and freed with it."""

    def prepare(self) -> None:
        return None

    def act(self, world: None) -> None:
        self.k.set_site_finder(lambda: "here.py:1")
        lock, condition = self.k.Lock(), self.k.Condition(self.k.RLock())
        assert [row[5] for row in self.k.primitives()] == ["here.py:1"] * 3
        del lock, condition
        assert self.k.primitives() == []

    def verify(self, world: None) -> None:
        self.k.sweep()
        assert self.k.primitives() == []
