"""What a pool is given as its backend, and the channel to it."""

from __future__ import annotations

from collections.abc import Callable

from processing_core.annotations import Any
from processing_core.lowlevel import loaded
from processing_pool._backends.backend import Driver
from processing_pool._backends.channel import BackendChannel
from processing_pool._backends.encoding import Setup
from processing_pool._numbers import positive

__all__ = ["channel_to"]


def channel_to(
    backend: Any, size: int | None, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
) -> BackendChannel:
    """The channel to a backend.

    :param size: how many workers it has, or how many the pool may use.
    :raises TypeError: if it is none.
    """
    if size is not None:
        size = positive(size, "processes", "Number of processes must be at least 1")
    driver = _driver(backend, size)
    return BackendChannel(driver, size, Setup(initializer, initargs, getattr(driver, "processes", None)))


def _driver(backend: Any, size: int | None) -> Driver:
    if isinstance(backend, Driver):
        return backend
    futures = loaded("concurrent.futures._base")  # an executor's maker has imported it
    if futures is not None and isinstance(backend, futures.Executor):
        from processing_pool._backends.executors import ExecutorDriver

        return ExecutorDriver(backend, size)
    if all(hasattr(backend, name) for name in ("submit", "workers", "close")):
        return Driver(backend)
    raise TypeError(f"backend must be an executor, or have submit, workers and close, not {backend!r}")
