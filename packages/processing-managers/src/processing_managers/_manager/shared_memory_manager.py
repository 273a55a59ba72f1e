"""`SharedMemoryManager`: named memory that ends with a manager."""

from __future__ import annotations

from collections.abc import Iterable

from processing_core import StateError
from processing_core.annotations import TypeVar
from processing_managers._manager.base_manager import BaseManager
from processing_managers._shared.shareable_list import ShareableList as Items
from processing_managers._shared.shared_memory import SharedMemory as Memory

__all__ = ["SharedMemoryManager"]

T = TypeVar("T")


class NotServing(StateError, ValueError):
    """The manager was not started, or was shut down: as :exc:`ValueError`, which ``multiprocessing`` raises."""


class SharedMemoryManager(BaseManager):
    """Makes named memory that is unlinked when the manager shuts down, or its server ends.

    A process that has the memory open keeps it until it closes it.  If the server is killed, the names are unlinked as
    they would be without it: after the end of the family that made them.

    The parameters are those of `BaseManager`.

    >>> import processing.managers
    >>> with processing.managers.SharedMemoryManager() as manager:  # doctest: +SKIP
    ...     memory = manager.SharedMemory(size=128)
    ...     items = manager.ShareableList(["spam", 42])
    """

    def SharedMemory(self, size: int) -> Memory:
        """New memory.  Blocks until the server knows of it.

        :param size: bytes.
        :raises ValueError: if the size is not positive.
        :raises OSError: if there is not so much memory.
        :raises ValueError: if the manager was not started, or was shut down.
        :raises ServerGone: if its server is gone.
        """
        self._check_serving()
        memory = Memory(create=True, size=size)
        self._track(memory)
        return memory

    def ShareableList(self, sequence: Iterable[T]) -> Items[T]:
        """A new list.  Blocks until the server knows of it.

        :param sequence: the items, as for `ShareableList`.
        :raises TypeError: if an item is of a type that such a list cannot hold.
        :raises ValueError: if the manager was not started, or was shut down.
        :raises ServerGone: if its server is gone.
        """
        self._check_serving()
        items = Items(sequence)
        self._track(items.shm)
        return items

    def _check_serving(self) -> None:
        try:
            self._started()
        except StateError as error:
            raise NotServing(*error.args) from None

    def _track(self, memory: Memory) -> None:
        try:
            self._started().call(None, "track_segment", (memory.name,), {})
        except BaseException:
            memory.close()
            memory.unlink()
            raise

    def _list_segments(self) -> list[str]:
        """The names that the server would unlink now."""
        names: list[str] = self._started().call(None, "list_segments", (), {})
        return names
