"""Where a `Listener` listens and a `Client` connects to."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache, partial

from processing_core.annotations import TYPE_CHECKING, Any, Protocol
from processing_core.lowlevel import Descriptor, at_exit, open_file
from processing_queues._platform import (
    default_family,
    families,
    nameless_sockets_may_work,
    open_without_access,
    path_of_descriptor,
)

if TYPE_CHECKING:
    import socket

__all__ = ["Address", "Bound", "bind", "families", "family_of"]

Address = str | bytes | tuple[str, int] | tuple[str, int, int, int]
"""A path, an abstract name (it begins with a zero byte; Linux only), (host, port), or what `AF_INET6` has."""

LONGEST_FOLDER = 70
"""Bytes of the path of a folder in which a file's path is short enough for a socket: 103 bytes are, or 107."""


class Bound(Protocol):
    """An address that a socket was given."""

    address: Any

    def remove(self) -> None:
        """Remove the address's file from the file system; a forked process removes only what it has made itself."""


class _Name:
    """An address of which the file system knows nothing."""

    def __init__(self, address: Any) -> None:
        self.address: Any = address

    def remove(self) -> None: ...


class _SocketFile:
    """A file in the file system, for as long as its socket listens.

    It goes with :meth:`remove`, and when the process that made it ends normally; not in a process forked from that.
    """

    def __init__(self, path: str, folder: str | None = None) -> None:
        self.address: Any = path
        self._folder, self._pid = folder, os.getpid()
        self._forget = at_exit(self._unlink)

    def remove(self) -> None:
        self._forget()
        self._unlink()
        self._pid = -1  # a second call does not remove the file of the next listener with this address

    def _unlink(self) -> None:
        if os.getpid() != self._pid:
            return
        with suppress(FileNotFoundError):
            os.unlink(self.address)
        if self._folder is not None:
            with suppress(OSError):
                os.rmdir(self._folder)


class _OpenFile:
    """A socket's file that has no name any more, and is found by way of a descriptor of it.

    So no file is left, however its process ends. Linux lets those processes connect that may look into this one:
    processes of the same user, and root's (``PTRACE_MODE_READ_FSCREDS``, proc_pid_fd(5)); a folder with mode 0700 would
    do the same.
    """

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self.address: Any = path_of_descriptor(descriptor.fileno())

    def remove(self) -> None:
        self._descriptor.close()


def family_of(address: Address | None, family: str | None) -> str:
    """The family to use.

    :raises ValueError: if ``family``, or that of the address, is none of :data:`families`.
    :raises TypeError: if ``address`` is of no family.
    """
    if family is not None:
        if family not in families:
            raise ValueError(f"Family {family} is not recognized: use one of {', '.join(families)}")
        return family
    if isinstance(address, str) and address.startswith("\\\\"):
        if "AF_PIPE" in families:
            return "AF_PIPE"
        raise ValueError(f"Family AF_PIPE, of the address {address!r}, is not recognized: it is one of Windows'")
    if address is None:
        return default_family
    if isinstance(address, str) or _is_abstract(address):
        if "AF_UNIX" not in families:
            raise ValueError(f"Family AF_UNIX, of the address {address!r}, is not recognized: this system has none")
        return "AF_UNIX"
    if isinstance(address, tuple):
        return "AF_INET6" if len(address) == 4 or ":" in str(address[:1]) else "AF_INET"
    raise TypeError(f"address type of {address!r} unrecognized")


def bind(listening: socket.socket, address: Address | None, family: str) -> Bound:
    """Give a socket its address.

    :param address: ``None`` for any that is free: a local port, or a file that only this user's processes reach.
    """
    if family == "AF_PIPE":
        name: Any = address
        listening.bind(name)
        return _Name(listening.getsockname())
    if family != "AF_UNIX":
        import socket

        # A port that was closed just now may be bound again.  On Windows it always may, and to reuse an address is to
        # take it from a program that listens there.
        option: int = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        listening.setsockopt(socket.SOL_SOCKET, option, 1)
        listening.bind(("::1" if family == "AF_INET6" else "localhost", 0) if address is None else address)
        return _Name(listening.getsockname())
    if address is None:
        return _bind_somewhere(listening, nameless=_nameless_work())
    listening.bind(address)
    if isinstance(address, tuple) or _is_abstract(address):
        return _Name(listening.getsockname())
    return _SocketFile(os.fsdecode(address))


def _bind_somewhere(listening: socket.socket, *, nameless: bool) -> Bound:
    """Bind to a file in a new folder of this user's.

    :param nameless: remove both at once, and have the file found by way of a descriptor.
    """
    import tempfile  # here, for its import takes 3 ms that few programs need

    try:
        usual = tempfile.gettempdir()
    except FileNotFoundError:
        os.close(open_file(os.devnull, os.O_RDONLY))  # says so if no descriptor is left, which this error hides
        raise
    parent = usual if len(os.fsencode(usual)) <= LONGEST_FOLDER else "/tmp"
    bound: Bound | None = None
    made: list[str] = []
    try:
        # Noted by a C function: a signal handler may raise behind the call.
        any(map(made.append, map(partial(tempfile.mkdtemp, prefix="processing-", dir=parent), (None,))))
        path = os.path.join(made[0], "listener")
        listening.bind(path)
        if nameless:
            return _OpenFile(open_without_access(path))
        bound = _SocketFile(path, made[0])
        return bound
    finally:
        if bound is None:
            for folder in made:
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, "listener"))
                os.rmdir(folder)


def _nameless_work() -> bool:
    return nameless_sockets_may_work() and _system_finds_nameless()


@cache
def _system_finds_nameless() -> bool:
    """Whether a socket can be reached by a descriptor of its file.

    This tries it, because some containers lack `/proc`.
    """
    from processing_queues._handshake_start import new_socket

    with new_socket("AF_UNIX") as listening, new_socket("AF_UNIX") as client:
        file = _bind_somewhere(listening, nameless=True)
        listening.listen(1)
        try:
            client.connect(file.address)
        except OSError:
            return False
        finally:
            file.remove()
    return True


def _is_abstract(address: object) -> bool:
    return (isinstance(address, str) and address[:1] == "\0") or (isinstance(address, bytes) and address[:1] == b"\0")
