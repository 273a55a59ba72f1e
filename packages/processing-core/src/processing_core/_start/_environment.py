"""What of a process's surroundings an executed program inherits, but a forkserver's child does not."""

from __future__ import annotations

import os

from processing_core._native import _kernel

__all__ = ["become", "snapshot", "umask"]


def snapshot() -> bytes:
    """The environment variables as the system keeps them: a comparison shows whether any has changed."""
    return _kernel.environment()


def become(snapshot: bytes) -> None:
    """Set all environment variables as they were when the snapshot was taken."""
    environment = dict(entry.split(b"=", 1) for entry in snapshot.split(b"\0") if b"=" in entry)
    for name in os.environb.keys() - environment.keys():
        del os.environb[name]
    for name, value in environment.items():
        if os.environb.get(name) != value:
            os.environb[name] = value


def umask() -> int | None:
    """The umask; ``None`` if the system does not tell.

    ``os.umask`` tells it only by setting another one, which files that other threads make meanwhile would get.
    """
    try:
        fd = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(fd, 256)
    finally:
        os.close(fd)
    _, found, rest = text.partition(b"\nUmask:")
    return int(rest.split(None, 1)[0], 8) if found else None
