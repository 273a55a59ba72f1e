"""The options of tasks: for all tasks of a pool, or for those of one call."""

from __future__ import annotations

from processing_core.annotations import NamedTuple, TypedDict
from processing_pool._numbers import integer, real

__all__ = ["Options", "TaskOptions"]


class TaskOptions(TypedDict, total=False):
    """The keywords of every method that gives tasks to a pool; where one is missing, the pool's applies.

    :param timeout: seconds that a task may run, counted from its start; ``None`` for no end.
    :param retries: how often a task is run again that raised an exception, timed out, or lost its worker.
    :param backoff: seconds before it is run again, doubled each time.
    :param priority: of the tasks that wait, those with a higher number are begun first, and of equal ones that which
        was given first. It does not interrupt what runs, nor overtake what workers are about to begin.
    :param progress: whether a map shows how far it is, on ``sys.stderr``, or its label there. It is a bar on a terminal
        or in a notebook if ``rich`` is installed, else a line now and then; where no person watches nothing is shown,
        unless the environment has ``PROCESSING_PROGRESS=plain`` or ``bar`` (``off`` shows nothing anywhere).
    """

    timeout: float | None
    retries: int
    backoff: float
    priority: int
    progress: bool | str


class Options(NamedTuple):
    """Those of one job, checked.

    :param return_exceptions: whether a map gives its items' exceptions among the results.
    :param progress: the label under which a map shows how far it is; ``None`` shows nothing.
    :param special: whether there is a timeout or a priority, which the engine looks at; if not, ``None``.
    """

    timeout: float | None = None
    retries: int = 0
    backoff: float = 0.0
    return_exceptions: bool = False
    priority: int = 0
    progress: str | bool | None = None
    special: bool | None = None

    def updated(self, given: TaskOptions, return_exceptions: bool = False) -> Options:
        """A copy of these options with the given changes.

        :raises TypeError: if a value has a wrong type, or there is no such option.
        :raises ValueError: if one is negative, or the timeout zero.
        """
        if not given and not return_exceptions:
            return self
        if unknown := set(given) - TaskOptions.__annotations__.keys():
            raise TypeError(f"no such option: {', '.join(map(repr, sorted(unknown)))}")
        chosen = self._replace(**given)
        timeout = None if chosen.timeout is None else real(chosen.timeout, "timeout")
        retries, backoff = integer(chosen.retries, "retries"), real(chosen.backoff, "backoff")
        priority = integer(chosen.priority, "priority")
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout must be positive, not {chosen.timeout!r}")
        for name, number in (("retries", retries), ("backoff", backoff)):
            if not number >= 0:
                raise ValueError(f"{name} must not be negative: {number!r}")
        progress = _label(chosen.progress)
        special = True if priority or timeout is not None else None
        return Options(timeout, retries, backoff, return_exceptions, priority, progress, special)


def _label(progress: object) -> str | None:
    if progress is True:
        return "map"
    if isinstance(progress, str):
        return progress
    if progress is False or progress is None:
        return None
    raise TypeError(f"progress must be a bool or a label, not {progress!r}")
