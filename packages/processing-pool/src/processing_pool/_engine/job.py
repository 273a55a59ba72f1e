"""What a job is to those that it gets outcomes from; imported by checkers alone."""

from __future__ import annotations

from collections.abc import Iterable

from processing_core.annotations import Protocol
from processing_pool._messages import Row

__all__ = ["Job", "Unwatched"]


class Job(Protocol):
    """One call of a pool's method, or all calls of `apply`; it takes the outcomes that have its id."""

    def put(self, rows: Iterable[Row]) -> None:
        """Take rows that have its id; taking one twice is as taking it once."""

    def advance(self) -> None:
        """Some rows were put: do what follows from it."""

    def abort(self, error: BaseException) -> object:
        """Nothing more will come."""

    def close(self) -> None:
        """The pool was closed."""

    def withdraw(self) -> None:
        """The pool was shut down: fail what was not begun."""

    def widen(self, workers: int) -> None:
        """There are that many workers now: if they are more, send more."""

    def resend(self, index: int, n: int) -> None:
        """Send the items ``[index, index + n)`` again, each by itself: they were not begun, or are to be retried."""

    def timeout_of(self, index: int) -> float | None:
        """Seconds that an item may run; ``None`` for no end."""

    def priority_of(self, index: int) -> int:
        """The priority of an item."""


class Unwatched(Protocol):
    """A job whose iterator is gone."""

    job_id: int

    def needs_collecting(self) -> bool:
        """Whether there are, or will be, outcomes that no other thread collects."""
