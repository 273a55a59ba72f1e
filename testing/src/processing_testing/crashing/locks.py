"""Members hold locks and permits."""

from __future__ import annotations

from typing import Any, NamedTuple

from processing_testing.crashing.scenario import Scenario, Tally, scenario


class Guarded(NamedTuple):
    """A lock, and how often what it guards was begun and finished."""

    lock: Any
    begun: Tally
    finished: Tally


class _Holding(Scenario[Guarded]):
    """Whoever finds the lock free finds the guarded state whole; else all learn of the death, and one repairs."""

    kind: str

    def prepare(self) -> Guarded:
        return Guarded(getattr(self.k, self.kind)(), Tally(), Tally())

    def act(self, world: Guarded) -> None:
        for _ in range(3):
            with world.lock:
                world.begun.add()
                world.finished.add()

    def verify(self, world: Guarded) -> None:
        try:
            assert world.lock.acquire(True, 5)
        except RuntimeError:  # what stands in for OwnerDied in this kernel
            self._repair(world)
        else:
            world.lock.release()
        assert world.begun.value == world.finished.value
        assert world.lock.acquire(True, 5)
        world.lock.release()
        assert world.lock._holders() == []

    def _repair(self, world: Guarded) -> None:
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

    def act(self, world: Guarded) -> None:
        with world.lock:
            super().act(world)


@scenario
class Repair(_Holding):
    """The one who repairs dies, or gives the repair up."""

    kind = "Lock"

    def prepare(self) -> Guarded:
        from processing_testing.crashing.laboratory import forked

        world = super().prepare()
        forked(lambda: self._leave_half_done(world))
        return world

    @staticmethod
    def _leave_half_done(world: Guarded) -> None:
        world.lock.acquire()
        world.begun.add()

    def act(self, world: Guarded) -> None:
        world.lock.acquire(True, 0) if world.lock._holders() == [] else world.lock._begin_repair()
        world.lock._end_repair(False)
        world.lock._begin_repair()
        world.finished.add()
        world.lock._end_repair(True)


@scenario
class Reclaim(Scenario[Any]):
    """Permits come back from the dead; a release of several is done as far as it came."""

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
    """The line that makes a primitive is remembered; it goes with the primitive."""

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
