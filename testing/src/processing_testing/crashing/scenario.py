"""What a scenario is, and the table of all."""

from __future__ import annotations

import mmap
import struct
from typing import Any, Generic, TypeVar

W = TypeVar("W")


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
