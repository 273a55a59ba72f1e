"""Processes that join, fork or leave a family are killed."""

from __future__ import annotations

import os
from typing import Any

from processing_testing.crash.scenario import Scenario, scenario


@scenario
class Fork(Scenario[list[Any]]):
    """A member forks another member, which drops the handles that it inherited."""

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
    """A slot is reserved for a child that does not start."""

    def prepare(self) -> Any:
        return self.k.Lock()

    def act(self, world: Any) -> None:
        slot, serial, token = self.k.reserve("unborn")
        self.k.set_startup_data(self.k.pack([world]), slot, serial)
        self.k.close_token(token)
        self.k.reap(slot, serial)


@scenario
class Leave(Scenario[Any]):
    """A member leaves the family at its normal end."""

    def prepare(self) -> Any:
        return self.k.Lock()

    def act(self, world: Any) -> None:
        queue = self.k.Queue()
        queue.put([world, queue])
        self.k.leave()
