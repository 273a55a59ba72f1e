"""The ways by which a pickled descriptor is sent: to a process that is being started, or to one that runs.

Their modules are imported when the first descriptor is sent: most programs need not import `socket`.
"""

from __future__ import annotations

import importlib
import sys

from processing_core._fds.descriptors import Deposits, Reduced, limit_named, register_transport
from processing_core._platform import KEEPS_NUMBERS
from processing_core.annotations import TYPE_CHECKING

if sys.platform == "win32":
    from processing_core._platform._windows_poller import is_socket

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["recall", "share"]


def _send(fd: int) -> Reduced:
    if sys.platform == "win32" and is_socket(fd):
        from processing_core._fds import shared_sockets

        return shared_sockets.fetch, shared_sockets.deposit(fd)
    with limit_named():
        from processing_core._fds import inherited

    number = inherited.put(fd)
    if number is not None:
        return inherited.take, (number,)
    running = _to_running()
    return running.fetch, running.deposit(fd)


def _to_running() -> ModuleType:
    """The module that sends descriptors to processes that run already."""
    with limit_named():
        return importlib.import_module("processing_core._fds." + ("handles" if KEEPS_NUMBERS else "server"))


def recall(before: int) -> None:
    """Take back what this thread has deposited since ``Deposits.made`` was ``before``, for its pickle is not used."""
    if Deposits.made != before:
        _to_running().recall(before)


def share(before: int) -> object:
    """Let what this thread has deposited since ``Deposits.made`` was ``before`` be fetched any number of times.

    :return: what is kept as long as that shall be possible.
    """
    if Deposits.made == before:
        return None
    return _to_running().Shared(before)


register_transport(_send)
