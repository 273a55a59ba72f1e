"""The ways by which a pickled descriptor is sent: to a process that is being started, or to one that runs.

Their modules are imported when the first descriptor is sent: most programs need not import `socket`.
"""

from __future__ import annotations

from processing_core._fds.descriptors import Deposits, Reduced, limit_named, register_transport

__all__ = ["recall", "share"]


def _send(fd: int) -> Reduced:
    with limit_named():
        from processing_core._fds import inherited, server

    number = inherited.put(fd)
    if number is not None:
        return inherited.take, (number,)
    return server.fetch, server.deposit(fd)


def recall(before: int) -> None:
    """Take back what this thread has deposited since ``Deposits.made`` was ``before``, for its pickle is not used."""
    if Deposits.made != before:
        from processing_core._fds import server

        server.recall(before)


def share(before: int) -> object:
    """Let what this thread has deposited since ``Deposits.made`` was ``before`` be fetched any number of times.

    :return: what is kept as long as that shall be possible.
    """
    if Deposits.made == before:
        return None
    from processing_core._fds import server

    return server.Shared(before)


register_transport(_send)
