"""Systems on which a socket cannot be reached by a descriptor of its file, so that a listener's is in a folder."""

from __future__ import annotations

import errno
import os

from processing_core.lowlevel import Descriptor

__all__ = ["nameless_sockets_may_work", "open_without_access", "path_of_descriptor"]


def nameless_sockets_may_work() -> bool:
    """False: there are none, and the other two functions are not called."""
    return False


def open_without_access(path: str) -> Descriptor:
    """:raises OSError: always."""
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path)


def path_of_descriptor(fd: int) -> str:
    """:raises OSError: always."""
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
