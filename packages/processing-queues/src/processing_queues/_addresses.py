"""Where a `Listener` listens and a `Client` connects to."""

from __future__ import annotations

import os
from contextlib import suppress

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import at_exit

if TYPE_CHECKING:
    import socket

__all__ = ["Address", "SocketFile", "bind", "families", "family_of"]

Address = str | bytes | tuple[str, int]
"""A path, an abstract name (it begins with a zero byte; Linux only), or (host, port)."""

families: list[str] = ["AF_INET", "AF_UNIX"]
"""The families of sockets that listeners and clients speak."""


class SocketFile:
    """The name of a listening socket in the file system, for as long as it listens.

    It goes with :meth:`remove`, and when the process that made it ends normally; not in a process forked from that.
    """

    def __init__(self, path: str, folder: str | None = None) -> None:
        self._path, self._folder = path, folder
        self._pid = os.getpid()
        self._forget = at_exit(self._unlink)

    def remove(self) -> None:
        """Remove it; does nothing in a forked process."""
        self._forget()
        self._unlink()

    def _unlink(self) -> None:
        if os.getpid() != self._pid:
            return
        with suppress(FileNotFoundError):
            os.unlink(self._path)
        if self._folder is not None:
            with suppress(OSError):
                os.rmdir(self._folder)


def family_of(address: Address | None, family: str | None) -> str:
    """The family to use.

    :raises ValueError: if ``family`` is none of :data:`families`.
    :raises TypeError: if ``address`` is of no family.
    """
    if family is not None:
        if family not in families:
            raise ValueError(f"Family {family} is not recognized: use one of {', '.join(families)}")
        return family
    if address is None or isinstance(address, str) or _is_abstract(address):
        return "AF_UNIX"
    if isinstance(address, tuple):
        return "AF_INET"
    raise TypeError(f"address type of {address!r} unrecognized")


def bind(listening: socket.socket, address: Address | None, family: str) -> SocketFile | None:
    """Give a socket its address.

    :param address: ``None`` for any that is free: a file in a new folder that is nobody else's, or a local port.
    :return: the file that this made.
    """
    if family == "AF_INET":
        import socket

        # A port that was closed just now may be bound again.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("localhost", 0) if address is None else address)
        return None
    if address is not None:
        listening.bind(address)
        return None if isinstance(address, tuple) or _is_abstract(address) else SocketFile(os.fsdecode(address))
    import tempfile  # here, for its import takes 3 ms that few programs need

    folder = tempfile.mkdtemp(prefix="processing-")
    path = os.path.join(folder, "listener")
    try:
        listening.bind(path)
    except BaseException:
        os.rmdir(folder)
        raise
    return SocketFile(path, folder)


def _is_abstract(address: object) -> bool:
    return (isinstance(address, str) and address[:1] == "\0") or (isinstance(address, bytes) and address[:1] == b"\0")
