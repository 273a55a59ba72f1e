"""How far a job is."""

from __future__ import annotations

from processing_core.annotations import NamedTuple, Protocol

__all__ = ["Counted", "Counts"]


class Counts(NamedTuple):
    """The items of a job."""

    done: int
    """Those that have an outcome, good or bad."""
    total: int | None
    """How many there are; ``None`` if that is not known."""
    failed: int
    """Those whose outcome is an error."""
    retried: int
    """How often an item was run again."""


class Counted(Protocol):
    """A job that counts its items."""

    def counts(self) -> Counts:
        """How far it is.  Any thread may ask."""
