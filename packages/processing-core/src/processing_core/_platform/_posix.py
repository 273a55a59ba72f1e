"""Systems without abstract addresses: local sockets are files, which stay behind when a process is killed.

A file whose socket is gone refuses connections.  Every process that ends normally unlinks such files of this user's.
`kernel/platform/posix/socket_file.c` has the argument.
"""

from __future__ import annotations

import atexit
import fcntl
import os
from contextlib import suppress

from processing_core._platform._folder import socket_folder

__all__ = ["forget_address", "sweep", "unused_address"]

PREFIX = "processing-"


def unused_address() -> bytes:
    """An address for a Unix socket that no other socket has: a path, which contains this process's id."""
    return os.fsencode(f"{socket_folder()}/{PREFIX}d-{os.urandom(12).hex()}-{os.getpid()}")


def forget_address(address: bytes) -> None:
    """Unlink the file of a socket that this process has bound and closed; a forked child leaves it alone."""
    if address.endswith(b"-%d" % os.getpid()):
        with suppress(OSError):
            os.unlink(address)


def sweep() -> None:
    """Unlink the files of sockets that are gone.  Does nothing while another process does the same."""
    folder = socket_folder()
    with suppress(OSError):
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for name in os.listdir(folder):
                if name.startswith((f"{PREFIX}d-", f"{PREFIX}m-", f"{PREFIX}o-", f"{PREFIX}t-")):
                    _unlink_if_gone(f"{folder}/{name}")
        finally:
            os.close(lock)


def _unlink_if_gone(path: str) -> None:
    # Not `socket`: it makes named tuples by `eval`, after which the interpreter has forgotten that a Ctrl-C ends it.
    import _socket

    with suppress(OSError):
        if os.lstat(path).st_uid != os.geteuid():
            return
        kind = _socket.SOCK_STREAM if f"/{PREFIX}m-" in path else _socket.SOCK_DGRAM
        asking = _socket.socket(_socket.AF_UNIX, kind)
        try:
            asking.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        finally:
            asking.close()


atexit.register(sweep)
