"""What a pool may be given to run its tasks: the interface, and what of it is common."""

from __future__ import annotations

from collections.abc import Sequence

from processing_core.annotations import TYPE_CHECKING, Any, Protocol
from processing_pool._backends.remote import Part
from processing_pool._messages import CANCELLED, Death, Failure, failure_of

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Backend", "Driver"]


class Backend(Protocol):
    """What runs the tasks of a `Pool`, given as ``Pool(backend=...)``.

    A task is bytes, and so is its outcome. The pool does all else: the order of results, windows, batches,
    initializers, callbacks, timeouts, retries and errors. Thread-safe; the pool calls `submit` in a thread of its own.
    """

    @property
    def workers(self) -> int:
        """How many tasks it runs at the same time; it may change. Read once a second; should not block."""

    def submit(self, task: bytes, /) -> Future[bytes]:
        """Have a worker call ``processing_pool.backends.run(task)``.  Does not block for long.

        :return: a future of what the call returns. If its ``cancel`` returns true, the task was not begun and will not
            be. Its exception is the task's, for instance because the worker was lost, unless it is a
            `concurrent.futures.BrokenExecutor`, which is the end of the pool.
        """

    def close(self) -> None:
        """Note that this pool will submit no more.  May be called more than once."""


class Driver:
    """A backend as a pool uses it: what one of a user's lacks has a default here.

    :param backend: runs the tasks.
    """

    target_time: float = 0.05
    """Seconds that half a window of a map should take at least, so that its batches cost little."""

    ships_modules: bool = True
    """Whether workers may lack the program's modules."""

    stores: bool = False
    """Whether `store` is there for large parts."""

    largest_bundle: int = 1
    """Short tasks that may be submitted together; if more than one, `take_back` must be exact for each of them."""

    dynamic: bool = True
    """Whether the number of workers may change."""

    def __init__(self, backend: Backend) -> None:
        self._backend: Any = backend

    @property
    def workers(self) -> int:
        """As `Backend.workers`."""
        count: int = self._backend.workers
        return count

    def submit_many(self, bundles: Sequence[tuple[bytes, list[Any]]], tickets: Sequence[str]) -> list[Any]:
        """Submit bundles, each with the parts that are stored; return their futures.

        :param tickets: of the first task of each: names that no others have.
        """
        return [self._backend.submit(bundle) for bundle, _ in bundles]

    def store(self, part: Part) -> Any:
        """Keep a part where all workers get it.

        :return: what is given to `submit_many`; ``None`` if it cannot be kept now: a worker that lacks it will say so.
        """
        raise NotImplementedError

    def is_running(self, future: Any, ticket: str) -> bool:
        """Whether a worker has begun a task, and not ended it."""
        running: bool = future.running()
        return running

    def take_back(self, futures: Sequence[Any], tickets: Sequence[str]) -> list[bool]:
        """Have the tasks that were not begun never begun; return of which that is so."""
        return [not future.running() and future.cancel() for future in futures]

    def give_up(self, futures: Sequence[Any]) -> None:
        """Have the tasks end soon if that can be done; no outcome of them is wanted."""
        for future in futures:
            future.cancel()

    def judge(self, error: BaseException) -> Death | Failure | BaseException:
        """What an exception of a future says: a task's outcome, or why no task will be run any more."""
        from concurrent.futures import BrokenExecutor, CancelledError

        from processing_pool._errors import NotUnpicklableError, WorkerDied

        if isinstance(error, WorkerDied) and error.pid is not None:
            return Death(error.pid, error.exitcode)  # so that the error will name the pool's task, not the executor's
        if isinstance(error, CancelledError):
            return Death(None, None, (CANCELLED,))
        if isinstance(error, BrokenExecutor) and not isinstance(error, WorkerDied | NotUnpicklableError):
            return error
        return failure_of(error)

    def is_lost(self, error: BaseException) -> bool:
        """Whether it says that a worker was lost, so that a batch should be run again, item by item."""
        from processing_pool._errors import WorkerDied

        return isinstance(error, WorkerDied)

    def is_given_up(self, error: BaseException) -> bool:
        """Whether the engine has given the task up, without having run it, so that it should be submitted again."""
        return False

    def end(self, pool: str) -> None:
        """As `Backend.close`; the pool has this id in the workers."""
        self._backend.close()
