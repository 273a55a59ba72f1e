"""What may be said of tasks: for all of a pool's, or for a call's alone."""

from __future__ import annotations

from processing_core.annotations import NamedTuple, TypedDict

__all__ = ["Options", "TaskOptions"]


class TaskOptions(TypedDict, total=False):
    """The keywords that every method takes which gives tasks to a pool; where one is missing, the pool's counts.

    :param timeout: seconds that a task may run, counted from its start; ``None`` for no end.
    :param retries: how often a task is run again that raised an exception, timed out, or lost its worker.
    :param backoff: seconds before it is run again, doubled each time.
    """

    timeout: float | None
    retries: int
    backoff: float


class Options(NamedTuple):
    """Those of one job, checked.

    :param return_exceptions: whether a map gives its items' exceptions among the results.
    """

    timeout: float | None = None
    retries: int = 0
    backoff: float = 0.0
    return_exceptions: bool = False

    def updated(self, given: TaskOptions, return_exceptions: bool = False) -> Options:
        """These, but for what is given.

        :raises TypeError: if a number is none, or there is no such option.
        :raises ValueError: if one is negative, or the timeout zero.
        """
        if not given and not return_exceptions:
            return self
        if unknown := set(given) - TaskOptions.__annotations__.keys():
            raise TypeError(f"no such option: {', '.join(map(repr, sorted(unknown)))}")
        options = self._replace(**given, return_exceptions=return_exceptions)
        if options.timeout is not None and not _checked(options.timeout, "timeout", (int, float)) > 0:
            raise ValueError(f"timeout must be positive, not {options.timeout!r}")
        for name, kind in (("retries", int), ("backoff", (int, float))):
            if not _checked(getattr(options, name), name, kind) >= 0:
                raise ValueError(f"{name} must not be negative: {getattr(options, name)!r}")
        return options


def _checked(number: float, name: str, kind: type | tuple[type, ...]) -> float:
    if not isinstance(number, kind):
        raise TypeError(f"{name} must be a number, not {number!r}")
    return number
