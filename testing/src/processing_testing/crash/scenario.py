"""The base class of scenarios, and the table of all scenarios."""

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
        """Create the shared objects; the child inherits them."""
        raise NotImplementedError

    def act(self, world: W) -> None:
        """Perform the operations; the child is killed at each of their steps."""
        raise NotImplementedError

    def verify(self, world: W) -> None:
        """Assert what must hold, whatever step the child died at; the kernel checks its own invariants afterwards."""


SCENARIOS: dict[str, type[Scenario[Any]]] = {}


def scenario(cls: type[Scenario[Any]]) -> type[Scenario[Any]]:
    """Register a scenario under its class's name in lower case."""
    SCENARIOS[cls.__name__.lower()] = cls
    return cls
