"""The claims of a pool's workers, by their ids, however many workers there come to be."""

from __future__ import annotations

from processing_core.annotations import TypeAlias
from processing_core.lowlevel import Claims

__all__ = ["ClaimTable", "Look"]

Look: TypeAlias = "tuple[int, int, int, int, bool, int, int, int]"
"""As the kernel gives it: (job_id, index, next, end, running, finished, began, word)."""

Slot: TypeAlias = "tuple[Claims, int]"
"""Where a worker's claim is: in which block, and its number there."""


class ClaimTable:
    """The claims of the workers.  Shared memory in use cannot grow, so workers that are added have blocks of their own.

    :param rings: the cells of the rings of tasks and of results, for introspection.

    One thread at a time may call `grow`; the others may read meanwhile. What the methods do is described at `Claims`.
    """

    def __init__(self, claims: Claims, size: int, rings: tuple[int, int]) -> None:
        self._rings = rings
        claims.belong(*rings)
        self._slots = [(claims, index) for index in range(size)]

    def grow(self, size: int) -> None:
        """Make room for workers with ids below ``size``.

        :raises MemoryError: if the arena has no room.
        """
        n = size - len(self._slots)
        if n > 0:
            block = Claims(n)
            block.belong(*self._rings)
            self._slots.extend([(block, index) for index in range(n)])

    def slot(self, worker_id: int) -> Slot:
        """Where a worker's claim is."""
        return self._slots[worker_id]

    def read(self, worker_id: int) -> tuple[int, int] | None:
        claims, index = self._slots[worker_id]
        return claims.read(index)

    def look(self, worker_id: int) -> Look | None:
        claims, index = self._slots[worker_id]
        return claims.look(index)

    def stop(self, worker_id: int, word: int) -> bool:
        claims, index = self._slots[worker_id]
        return claims.stop(index, word)

    def revoke(self, worker_id: int, word: int, n: int) -> bool:
        claims, index = self._slots[worker_id]
        return claims.revoke(index, word, n)

    def saved(self, worker_id: int) -> tuple[int, int, bytes]:
        claims, index = self._slots[worker_id]
        return claims.saved(index)

    def figures(self, worker_id: int) -> tuple[int, int, int, int, int, bool, int]:
        claims, index = self._slots[worker_id]
        return claims.figures(index)

    def longest(self, worker_id: int) -> list[tuple[int, str]]:
        claims, index = self._slots[worker_id]
        return claims.longest(index)

    def retire(self, worker_id: int) -> None:
        claims, index = self._slots[worker_id]
        claims.retire(index)

    def clear(self, worker_id: int) -> None:
        claims, index = self._slots[worker_id]
        claims.clear(index)
