"""Private attributes of ``multiprocessing``'s results that programs read, above all to show how far a map is."""

from __future__ import annotations

from processing_core.annotations import Any

__all__ = ["ResultCompatibility"]


class ResultCompatibility:
    """Those of a result."""

    __slots__ = ()

    _outcome: tuple[bool, Any] | None
    job: Any

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
