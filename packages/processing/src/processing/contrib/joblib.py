"""joblib, and with it scikit-learn, on a pool of this package.

::

    from processing.contrib.joblib import register
    register()

    Parallel(n_jobs=4)(delayed(f)(x) for x in items)  # runs on processing.reusable_pool(4)
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from processing_core.annotations import TYPE_CHECKING, Any
from processing_pool import Pool, reusable_pool
from processing_pool.lowlevel import usable_cpus

__all__ = ["NAME", "ProcessingBackend", "register"]

if TYPE_CHECKING:  # joblib has no types

    class _Backend:
        nesting_level: int | None
        inner_max_num_threads: int | None
        reset_batch_stats: Callable[[], None]

    FallbackToBackend: Any
    SequentialBackend: Any
    register_parallel_backend: Any
else:
    from joblib._parallel_backends import (
        AutoBatchingMixin,
        FallbackToBackend,
        ParallelBackendBase,
        SequentialBackend,
    )
    from joblib.parallel import register_parallel_backend

    class _Backend(AutoBatchingMixin, ParallelBackendBase):
        pass


NAME = "processing"


class ProcessingBackend(_Backend):
    """Runs joblib's batches in `processing.reusable_pool`, whose workers stay for the next call.

    joblib documents the methods.
    """

    supports_retrieve_callback = True
    supports_inner_max_num_threads = True

    _pool: Pool | None = None
    parallel: Any

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many workers ``n_jobs`` means: those below 0 count down from the CPUs that this process may use."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        return n_jobs if n_jobs > 0 else max(usable_cpus() + 1 + n_jobs, 1)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        """Make ready for a call of ``Parallel``."""
        workers = self.effective_n_jobs(n_jobs)
        if workers == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self._pool = reusable_pool(workers, threads_per_worker=self.inner_max_num_threads or "auto")
        self.parallel = parallel
        return workers

    def submit(self, func: Callable[[], Any], callback: Callable[[Future[Any]], object] | None = None) -> Future[Any]:
        """Begin a batch."""
        assert self._pool is not None
        future: Future[Any] = self._pool.submit(func)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """The results of a batch that is done."""
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Stop all batches, for one has failed."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)

    def terminate(self) -> None:
        """Note the end of a call; the workers stay."""
        self._pool = None
        self.reset_batch_stats()


def register(*, make_default: bool = True) -> None:
    """Let joblib have the backend ``"processing"``.

    :param make_default: whether it is used where a program names no backend.
    """
    register_parallel_backend(NAME, ProcessingBackend, make_default=make_default)
