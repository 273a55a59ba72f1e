"""What programs know from ``multiprocessing.resource_sharer``: descriptors for processes that run already."""

from __future__ import annotations

from processing_core.reduction import DupFd as DupFd

__all__ = ["DupFd", "stop"]


def stop(timeout: float | None = None) -> None:
    """Do nothing: the thread that hands descriptors over ends when none is left to be fetched.

    :param timeout: seconds; means nothing.
    """
