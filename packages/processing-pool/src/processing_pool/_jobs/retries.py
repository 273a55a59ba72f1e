"""Retries: how often a job's items were run, and whether they are to be run again."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, Any
from processing_pool._options import Options

if TYPE_CHECKING:
    from processing_pool._engine.job_table import JobTable
    from processing_pool._engine.task_channel import Resendable, TaskChannel

__all__ = ["Retries"]


class Retries:
    """How often one job's items were tried, and when they are tried again.

    A row may be dispatched twice, if an interrupt came in between, but its value is the same object then; so a value
    that was judged before gets the same verdict, and counts once.

    It does not know its job: without such a cycle a job's items and results are gone as soon as the user drops them.
    """

    def __init__(self, channel: TaskChannel, table: JobTable) -> None:
        self._channel = channel
        self._table = table
        self.count = 0  # of all items
        self._runs: dict[int, tuple[int, Any, bool]] = {}

    def again(self, job: Resendable, index: int, value: Any, options: Options) -> bool:
        """Whether the item, whose run had this bad end, is run again, which is then seen to."""
        if not options.retries:
            return False
        runs, last, verdict = self._runs.get(index, (0, None, False))
        if last is value:
            return verdict
        verdict = runs < options.retries
        if verdict:
            self.count += 1
            self._table.retried += 1
            self._channel.send_later(job, index, options.backoff * 2**runs)
        self._runs[index] = runs + 1, value, verdict
        return verdict

    def forget(self, index: int) -> None:
        """The item is done."""
        self._runs.pop(index, None)
