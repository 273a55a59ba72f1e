"""loky's executors over this package's pools, with the arguments and the errors that loky's programs know."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module

from processing_core import BaseContext, get_context
from processing_core.annotations import Any
from processing_pool import PoolBroken, ProcessPoolExecutor, WorkerDied

__all__ = ["names", "reusable_executor"]


class LokyExecutor(ProcessPoolExecutor):
    """A `ProcessPoolExecutor` with the arguments of loky's.

    Arguments that are not named mean nothing here: workers stay, whatever the timeout, and objects travel as this
    package pickles them.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        job_reducers: Any = None,
        result_reducers: Any = None,
        timeout: float | None = None,
        context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        env: dict[str, str] | None = None,
    ) -> None:
        if env:
            initializer, initargs = partial(_set_up, dict(env), initializer), initargs or ()
        super().__init__(max_workers, _ours(context), initializer, initargs or ())

    def shutdown(self, wait: bool = True, kill_workers: bool = False, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; as loky's method, but for *cancel_futures*, which it does not have.

        :param kill_workers: whether what runs is ended, instead of waiting for it.
        """
        if kill_workers:
            self.kill_workers()
        super().shutdown(wait, cancel_futures=cancel_futures)

    def is_usable(self) -> bool:
        """Whether it takes tasks."""
        try:
            self._check()
        except (RuntimeError, PoolBroken):
            return False
        return True

    def resize(self, max_workers: int) -> None:
        """Have another number of workers."""
        self._pool.resize(max_workers)


class _Reusable(threading.local):
    """A thread's executor: loky's is each thread's own, so none shuts down what another has just been given."""

    executor: LokyExecutor | None = None
    options: tuple[Any, ...] = ()
    processes: int | None = None
    pid = 0  # the process that made it: a forked child makes its own


_reusable = _Reusable()


def reusable_executor(
    max_workers: int | None = None,
    context: Any = None,
    timeout: float | None = 10,
    kill_workers: bool = False,
    reuse: bool | str = "auto",
    job_reducers: Any = None,
    result_reducers: Any = None,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    env: dict[str, str] | None = None,
) -> LokyExecutor:
    """Do what loky's function does: give this thread's executor, resized; or another, if the arguments have changed."""
    if max_workers is not None and max_workers <= 0:
        raise ValueError(f"max_workers must be greater than 0, got {max_workers}.")
    if (context if isinstance(context, str) else context and context.get_start_method()) == "fork":
        raise ValueError("Cannot use reusable executor with the 'fork' context")
    options = (context, initializer, initargs, env and dict(env))
    before = _reusable.executor if _reusable.pid == os.getpid() else None
    same_size = max_workers == _reusable.processes or (max_workers is None and reuse is True)
    same = reuse is True or (reuse == "auto" and options == _reusable.options)
    if before is not None and same and (same_size or max_workers) and before.is_usable():
        if max_workers and not same_size:
            before.resize(max_workers)
            _reusable.processes = max_workers
        return before
    fresh = LokyExecutor(max_workers, context=context, initializer=initializer, initargs=initargs, env=env)
    _reusable.executor, _reusable.options, _reusable.processes = fresh, options, max_workers
    _reusable.pid = os.getpid()
    if before is not None:
        before.shutdown(wait=False, kill_workers=kill_workers)
    return fresh


def names() -> dict[str, dict[str, Any]]:
    """What loky's modules name, by the module: what its programs call, and what they catch."""
    broken = import_module("concurrent.futures.process").BrokenProcessPool  # the one that stands for it now
    errors = {
        "BrokenProcessPool": broken,
        "TerminatedWorkerError": WorkerDied,
        "ShutdownExecutorError": PoolBroken,
    }
    return {
        "loky": {
            "get_reusable_executor": reusable_executor,
            "ProcessPoolExecutor": LokyExecutor,
            "BrokenProcessPool": broken,
        },
        "loky.process_executor": {"ProcessPoolExecutor": LokyExecutor, **errors},
        "loky.reusable_executor": {"get_reusable_executor": reusable_executor},
    }


def _set_up(environment: dict[str, str], initializer: Callable[..., object] | None, *arguments: Any) -> None:
    """In a worker: set its variables, and then do what the program has given."""
    os.environ.update(environment)
    if initializer is not None:
        initializer(*arguments)


def _ours(context: Any) -> BaseContext | None:
    """The context of a name or a context; ``None`` for loky's own, whose processes are commands."""
    if isinstance(context, str):
        return None if context.startswith("loky") else get_context(context)
    return None if context is None or context.get_start_method().startswith("loky") else context
