"""What stands for the module ``concurrent.futures.process`` while this package replaces it."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor

from processing_pool import ProcessPoolExecutor as ProcessPoolExecutor
from processing_pool import RemoteTraceback
from processing_pool.pool import ExceptionWithTraceback, rebuild_exc

__all__ = ["BrokenProcessPool", "ProcessPoolExecutor"]

EXTRA_QUEUED_CALLS = 1
_MAX_WINDOWS_WORKERS = 63 - 2
_RemoteTraceback, _ExceptionWithTraceback, _rebuild_exc = RemoteTraceback, ExceptionWithTraceback, rebuild_exc


class BrokenProcessPool(BrokenExecutor):
    """The pool has lost a worker; the errors of this package's pools derive from it."""


BrokenProcessPool.__module__ = "concurrent.futures.process"


def _check_system_limits() -> None:
    """Do nothing: a program that calls it wants to know whether the system has semaphores, which no pool needs."""


_private = _check_system_limits, _MAX_WINDOWS_WORKERS, _RemoteTraceback, _ExceptionWithTraceback, _rebuild_exc
