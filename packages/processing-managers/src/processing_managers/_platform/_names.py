"""What a platform must offer for shared memory with a name."""

from __future__ import annotations

import mmap
from collections.abc import Callable

from processing_core.annotations import Protocol

__all__ = ["Names", "OpenedSection"]

OpenedSection = Callable[["str | None", bool, int, Callable[[bool], str]], "tuple[str, mmap.mmap, int]"]
"""Makes named memory, or attaches to it, where the system has names that go with their last user: then no name is ever
left, and `Names` has little to do.  Called with the name or ``None``, whether to make it, its bytes, and what invents
names; returns the name, the mapping and its bytes."""


class Names(Protocol):
    """The namespace of shared memory on this machine.  Names have no slash in front.  Nothing here blocks for long."""

    def make(self, size: int) -> int:
        """A descriptor of new, zeroed memory that has no name yet, for its owner alone.

        :raises OSError: if there is not so much memory.
        """

    def link(self, fd: int, name: str) -> None:
        """Give new memory its name: from now on others find it, complete.

        :raises FileExistsError: if the name is taken.
        """

    def open(self, name: str) -> int:
        """A descriptor of existing memory, for reading and writing.

        :raises FileNotFoundError: if there is none of that name.
        """

    def unlink(self, name: str) -> None:
        """Remove the name; the memory exists as long as a process has it open or mapped.

        :raises FileNotFoundError: if there is none of that name.
        """

    def identity(self, name: str) -> int | None:
        """A number that differs for another memory under the same name; ``None`` if there is none."""

    def hold(self, fd: int) -> None:
        """Make this process a tracked user of the memory, until its descriptor and mappings are gone, or `release`."""

    def release(self, fd: int) -> None:
        """End what `hold` began: this process is no tracked user any more."""

    def clear(self, prefix: str) -> None:
        """Unlink all memory whose name begins with ``prefix`` and that has no tracked user."""

    def ensure_reaper(self, prefix: str, root: int) -> None:
        """Ensure that a process calls `clear` when the process ``root`` is dead, and again when the last user is gone.

        :param root: a pidfd.
        :raises OSError: if the system refuses.
        """

    def note(self, note: str, name: str) -> None:
        """Leave a note among the names, which contains a name."""
