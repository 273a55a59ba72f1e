"""The claims of a pool's workers, by their ids, however many workers there come to be."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, NamedTuple
from processing_core.lowlevel import Claims

if TYPE_CHECKING:
    from processing_pool._supervision.monitor import Look

__all__ = ["ClaimTable", "Place"]


class Place(NamedTuple):
    """Where a worker's claim is."""

    claims: Claims
    index: int


class ClaimTable:
    """The claims of the workers.  Shared memory that workers use cannot grow, so later workers have blocks of their own.

    One thread at a time may call `grow`; the others may read meanwhile. What the methods do is described at `Claims`.
    """

    def __init__(self, claims: Claims, size: int) -> None:
        self._places = [Place(claims, index) for index in range(size)]

    def grow(self, size: int) -> None:
        """Make places for workers with ids below ``size``.

        :raises MemoryError: if the arena has no room.
        """
        n = size - len(self._places)
        if n > 0:
            block = Claims(n)
            self._places.extend([Place(block, index) for index in range(n)])

    def place(self, worker_id: int) -> Place:
        """Where a worker's claim is."""
        return self._places[worker_id]

    def read(self, worker_id: int) -> tuple[int, int] | None:
        claims, index = self._places[worker_id]
        return claims.read(index)

    def look(self, worker_id: int) -> Look | None:
        claims, index = self._places[worker_id]
        return claims.look(index)

    def stop(self, worker_id: int, word: int) -> bool:
        claims, index = self._places[worker_id]
        return claims.stop(index, word)

    def revoke(self, worker_id: int, word: int, n: int) -> bool:
        claims, index = self._places[worker_id]
        return claims.revoke(index, word, n)

    def saved(self, worker_id: int) -> tuple[int, int, bytes]:
        claims, index = self._places[worker_id]
        return claims.saved(index)

    def retire(self, worker_id: int) -> None:
        claims, index = self._places[worker_id]
        claims.retire(index)

    def clear(self, worker_id: int) -> None:
        claims, index = self._places[worker_id]
        claims.clear(index)
