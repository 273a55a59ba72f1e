"""Private attributes of ``multiprocessing``'s results that programs read, above all to show how far a map is."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, Any, Protocol

__all__ = ["ResultCompatibility", "ResultEvent"]


if TYPE_CHECKING:

    class Result(Protocol):
        """A result of a pool of processes or threads."""

        def ready(self) -> bool:
            """Whether it is there."""

        def wait(self, timeout: float | None = None) -> None:
            """Wait until it is there, or the time is up."""


class ResultEvent:
    """A result as the event that is set when it is there.  Only the pool sets it."""

    __slots__ = ("_result",)

    def __init__(self, result: Result) -> None:
        self._result = result

    def is_set(self) -> bool:
        """Whether the result is there."""
        return self._result.ready()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the result; return whether it is there."""
        self._result.wait(timeout)
        return self.is_set()


class ResultCompatibility:
    """Those of a result."""

    __slots__ = ()

    _outcome: tuple[bool, Any] | None
    job: Any

    @property
    def _event(self) -> ResultEvent:
        """What waits for the result, as an event at which programs look."""
        return ResultEvent(self)  # type: ignore[arg-type]

    @property
    def _value(self) -> Any:
        """The value or the error; ``None`` until it is there."""
        return None if self._outcome is None else self._outcome[1]

    @property
    def _success(self) -> bool:
        """Whether nothing is known to have failed."""
        return self._outcome is None or self._outcome[0]

    @property
    def _number_left(self) -> int:
        """How many items of a map have no outcome yet: programs show by it how far a map is."""
        job = self.job
        if self._outcome is not None:
            return 0
        if job is None:
            return 1
        done, total, *_ = job.counts()
        return int(total - done)

    @property
    def _chunksize(self) -> int:
        """How many items `_number_left` counts as one."""
        return 1
