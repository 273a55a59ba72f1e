"""What a platform must offer for shared memory with a name."""

from typing import Protocol

__all__ = ["Names"]


class Names(Protocol):
    """The namespace of shared memory on this machine.  Names have no slash in front.  Nothing here blocks."""

    def create(self, name: str) -> int:
        """A descriptor of new, empty memory, for its owner alone.

        :raises FileExistsError: if the name is taken.
        """

    def open(self, name: str) -> int:
        """A descriptor of existing memory, for reading and writing.

        :raises FileNotFoundError: if there is none of that name.
        """

    def unlink(self, name: str) -> None:
        """Forget the name; the memory lives on as long as anybody has it open or mapped.

        :raises FileNotFoundError: if there is none of that name.
        """

    def identity(self, name: str) -> int | None:
        """A number that another memory under the same name would not have; ``None`` if there is none."""

    def beginning(self, prefix: str) -> list[str]:
        """The names that begin so."""

    def note(self, note: str, name: str) -> None:
        """Leave a note among the names, that says a name."""

    def noted(self, note: str) -> str | None:
        """What a note says; ``None`` if it is no note."""
