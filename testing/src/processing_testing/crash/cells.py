"""Processes that create, attach and drop cells are killed."""

from __future__ import annotations

import pickle
from typing import Any

from processing_testing.crash.scenario import Scenario, scenario


@scenario
class Create(Scenario[list[Any]]):
    """Cells of several kinds and sizes are created, and dropped in another order."""

    def prepare(self) -> list[Any]:
        return []

    def act(self, world: list[Any]) -> None:
        world.extend([self.k.Lock(), self.k.pack(b"x" * 3000), self.k.Queue(), self.k.pack(b"y" * 70_000)])
        del world[1], world[0]
        world.append(self.k.pack(b"z" * 20_000))
        world.clear()


@scenario
class Attach(Scenario[tuple[Any, bytes]]):
    """Handles arrive as bytes; the object survives the receiver, which is killed."""

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
    """Runs of pages of many sizes are split from their neighbours and merged with them."""

    def prepare(self) -> list[Any]:
        return [self.k.pack(bytes(n)) for n in (5000, 90_000, 13_000)]

    def act(self, world: list[Any]) -> None:
        more = [self.k.pack(bytes(n)) for n in (4000, 9000, 33_000, 1_300_000)]
        del more[1], more[1]
        more.append(self.k.pack(bytes(17_000)))
        more.clear()


@scenario
class Chunks(Scenario[None]):
    """The table of references grows."""

    def prepare(self) -> None:
        return None

    def act(self, world: None) -> None:
        locks = [self.k.Lock() for _ in range(150)]
        locks.clear()


@scenario
class Parcels(Scenario[Any]):
    """Parcels that contain references, inside parcels."""

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


@scenario
class Memory(Scenario[tuple[Any, Any, bytes]]):
    """Scalars and blocks are created, attached, changed atomically and dropped; views outlive their handles."""

    def prepare(self) -> tuple[Any, Any, bytes]:
        scalar, block = self.k.Scalar("q"), self.k.Block(5000)
        return scalar, block, pickle.dumps((scalar, block))

    def act(self, world: tuple[Any, Any, bytes]) -> None:
        scalar, block = pickle.loads(world[2])
        scalar.add(1)
        view = memoryview(block)
        more = [self.k.Block(n, False) for n in (10, 70_000)]
        locked = self.k.LockedScalar("d", 0.5, self.k.RLock())
        arrived = pickle.loads(pickle.dumps((locked, more)))
        del scalar, block, more, locked
        view[:3] = b"abc"
        del arrived, view
        world[0].add(1)

    def verify(self, world: tuple[Any, Any, bytes]) -> None:
        scalar, block = pickle.loads(world[2])
        assert scalar.value in (0, 1, 2)
        assert bytes(block)[:3] in (bytes(3), b"abc") and not any(bytes(block)[3:])
