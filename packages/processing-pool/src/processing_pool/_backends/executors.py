"""Executors of :mod:`concurrent.futures` as backends."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, Any
from processing_pool._backends import remote
from processing_pool._backends.backend import Driver
from processing_pool._platform import usable_cpus

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

__all__ = ["ExecutorDriver"]

_LOAD = """(
lambda sys, util: sys.modules.get(name) or (
lambda spec: (lambda module: (sys.modules.__setitem__(name, module), spec.loader.exec_module(module), module)[2])(
util.module_from_spec(spec)))(util.spec_from_file_location(name, path))
)(__import__('sys'), __import__('importlib.util', fromlist=['util'])).run(task)"""
"""Runs a task where ``processing_pool`` cannot be imported, because the kernel is for the main interpreter alone."""


class _Executor:
    """An executor as a `Backend`."""

    def __init__(self, executor: Executor, workers: int | None) -> None:
        self._executor = executor
        known: Any = getattr(executor, "_max_workers", None)
        self.workers: int = workers or (known if isinstance(known, int) and known > 0 else usable_cpus())
        self._is_of_interpreters = type(executor).__name__ == "InterpreterPoolExecutor"

    def submit(self, task: bytes, /) -> Future[bytes]:
        if self._is_of_interpreters:
            names = {"name": "_processing_remote", "path": remote.__file__, "task": task}
            return self._executor.submit(eval, _LOAD, names)
        return self._executor.submit(remote.run, task)

    def close(self) -> None:
        """Do nothing: the executor is its maker's."""


class ExecutorDriver(Driver):
    """How a pool uses an executor.

    :param workers: how many it has; ``None`` for what it says itself.
    """

    dynamic = False

    def __init__(self, executor: Executor, workers: int | None) -> None:
        super().__init__(_Executor(executor, workers))
        if type(executor).__name__ in ("ThreadPoolExecutor", "InterpreterPoolExecutor"):
            self.ships_modules = type(executor).__name__ != "ThreadPoolExecutor"
            self.target_time = 0.005
