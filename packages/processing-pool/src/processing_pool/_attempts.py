"""Attempts: how often a job's items were run, and whether they are to be run again."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, Any, Protocol
from processing_pool._options import Options

if TYPE_CHECKING:
    from processing_pool._supervisor import Supervisor

__all__ = ["Attempts", "Resending"]


class Resending(Protocol):
    """A job whose items can be sent again."""

    cell: int

    def resend(self, b: int, n: int) -> None:
        """In the supervisor: send the items ``[b, b + n)`` again, each by itself."""


class Attempts:
    """What one job's items have behind them.

    A row may be dispatched twice, if an interrupt came in between, but its value is the same object then; so a value
    that was judged before gets the same verdict, and counts once.

    It does not know its job: without such a cycle a job's items and results are gone as soon as the user drops them.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._runs: dict[int, tuple[int, Any, bool]] = {}

    def again(self, job: Resending, b: int, value: Any, options: Options) -> bool:
        """Whether the item, whose run had this bad end, is run again, which is then seen to."""
        if not options.retries:
            return False
        runs, last, verdict = self._runs.get(b, (0, None, False))
        if last is value:
            return verdict
        verdict = runs < options.retries
        if verdict:
            self._supervisor.later(job, b, options.backoff * 2**runs)
        self._runs[b] = runs + 1, value, verdict
        return verdict

    def forget(self, b: int) -> None:
        """The item is done."""
        self._runs.pop(b, None)
