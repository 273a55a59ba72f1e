"""Figures of a pool: what its workers have done, and how long it took."""

from __future__ import annotations

from processing_core.annotations import NamedTuple

__all__ = ["LongTask", "PoolStats", "WorkerStats"]


class LongTask(NamedTuple):
    """One of the tasks that took longest."""

    seconds: float
    """How long it ran; items that are sent together are measured to a tick of the system, 4 ms or 10."""
    description: str
    """The function's name and the arguments, shortened to some hundred characters."""


class WorkerStats(NamedTuple):
    """What one worker has done. A worker that replaces another begins anew."""

    worker_id: int
    """Its number, as `worker_id`."""
    pid: int | None
    """Its process."""
    tasks: int
    """Tasks that have an outcome, good or bad; each item of a map is one."""
    busy: float
    """Seconds since it was ready in which it had something to do."""
    idle: float
    """Seconds in which it waited for tasks."""
    startup: float
    """Seconds from its start until it was ready, its initializer included; until now if it is not ready."""
    memory: int
    """Resident bytes of its own; 0 if the system does not tell it."""
    longest: tuple[LongTask, ...]
    """The five tasks that took longest, the longest first."""


class PoolStats(NamedTuple):
    """What a pool has done since it was made.  ``print`` shows it as a table."""

    workers: tuple[WorkerStats, ...]
    """The workers that there are now, by their numbers."""
    tasks: int
    """Tasks that have an outcome, those of workers that have ended included, as in all further figures."""
    failures: int
    """Tasks whose outcome is an error."""
    retries: int
    """How often a task was run again."""
    deaths: int
    """Workers that died: by a signal, or with an exit code other than 0. Those that the pool ended do not count."""
    started: int
    """Workers that were started."""
    busy: float
    """Seconds, of all workers together."""
    idle: float
    """Seconds, of all workers together."""
    startup: float
    """Seconds, of all workers together."""
    memory: int
    """Resident bytes that the workers have of their own now."""
    bytes_sent: int
    """Bytes of tasks that were sent to the workers, to a KiB each where they are large."""
    bytes_received: int
    """Bytes of results that the workers have sent, likewise."""
    longest: tuple[LongTask, ...]
    """The five tasks that took longest, the longest first."""

    def __str__(self) -> str:
        return "\n".join([_HEAD, *map(_row, self.workers), _total(self), *_rest(self)])


_HEAD = f"{'worker':>6} {'pid':>8} {'tasks':>10} {'busy s':>9} {'idle s':>9} {'start s':>8} {'MiB':>8}"


def _line(name: str, pid: str, tasks: int, busy: float, idle: float, startup: float, memory: int) -> str:
    times = f"{busy:9.2f} {idle:9.2f} {startup:8.3f}"
    return f"{name:>6} {pid:>8} {tasks:10,} {times} {memory / (1 << 20):8.1f}"


def _row(worker: WorkerStats) -> str:
    pid = "-" if worker.pid is None else str(worker.pid)
    return _line(str(worker.worker_id), pid, worker.tasks, worker.busy, worker.idle, worker.startup, worker.memory)


def _total(stats: PoolStats) -> str:
    return _line("all", "", stats.tasks, stats.busy, stats.idle, stats.startup, stats.memory)


def _rest(stats: PoolStats) -> list[str]:
    tasks = f"{stats.failures:,} failed, {stats.retries:,} retried"
    numbers = f"{tasks}, {stats.started:,} workers started, {stats.deaths:,} died"
    bytes_ = f"{stats.bytes_sent:,} bytes sent, {stats.bytes_received:,} received"
    longest = [f"{task.seconds:9.3f} s  {task.description}" for task in stats.longest]
    return [numbers, bytes_, *(["the longest tasks:"] if longest else []), *longest]
