"""The side of the worker process: it takes tasks, runs them and sends their results."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from processing_pool._worker.setup import WorkerConfig

__all__ = ["MODULE", "work"]

MODULE = "processing_pool._worker.worker"
"""What a worker is; the parent does without it, unless it forks its workers."""


def work(config: WorkerConfig, worker_id: int, slot: int) -> None:
    """What a worker's process calls: `worker.work`."""
    from processing_pool._worker import worker

    worker.work(config, worker_id, slot)
