"""The environment, umask and identity of a process, which a child of a forkserver does not inherit by itself."""

from __future__ import annotations

import os

from processing_core._fds.descriptors import is_scarcity, opened
from processing_core._native import _kernel
from processing_core._platform import umask_and_identity
from processing_core.annotations import NamedTuple

__all__ = ["Status", "restore", "snapshot", "status"]


def snapshot() -> bytes:
    """The environment variables as the system keeps them: a comparison shows whether any has changed."""
    return _kernel.environment()


def restore(snapshot: bytes) -> None:
    """Set all environment variables as they were when the snapshot was taken."""
    environment = dict(entry.split(b"=", 1) for entry in snapshot.split(b"\0") if b"=" in entry)
    for name in os.environb.keys() - environment.keys():
        del os.environb[name]
    for name, value in environment.items():
        if os.environb.get(name) != value:
            os.environb[name] = value


class Status(NamedTuple):
    """What the system tells of this process, as far as its children have it too."""

    umask: int | None
    """``None`` if the system does not tell: ``os.umask`` tells it only by setting another one, which files that other
    threads make meanwhile would get."""
    identity: object
    """Its user, groups, capabilities, root directory and namespaces; equal if and only if they are the same."""


def status() -> Status:
    """The present status.

    :raises OSError: if this process may open no more descriptors.
    """
    return Status(*umask_and_identity(_read))


def _read(path: str) -> bytes:
    """The first 8 KiB of a file; nothing if it cannot be opened, for instance because ``/proc`` is not mounted."""
    try:
        file = opened(path, os.O_RDONLY)
    except OSError as error:
        if is_scarcity(error):
            raise  # else the forkserver would be taken for one with another identity
        return b""
    try:
        return os.read(file.fileno(), 8192)
    finally:
        file.close()
