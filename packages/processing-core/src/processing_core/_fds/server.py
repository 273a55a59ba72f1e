"""The descriptor server of this process: it sends descriptors to processes that run already.

In the pickle a descriptor is the address of its sender's descriptor server, and a key.  The process that unpickles it
fetches the descriptor there, once, or as often as it wants if the sender shares it (`share`)::

    sender                                                     receiver
    deposit(fd)                 ─── address, key (pickled) ──▶
    server: a thread that waits
        at a datagram socket    ◀── half of the key, and ───── fetch(address, key)
                                    a socket for the answer
                                ─── the other half, and ─────▶
                                    the descriptor

Each half proves its sender.  Only a process that has the pickle gets the descriptor; a process that has taken over the
address of a server which is gone cannot give the receiver another descriptor.  The first half begins with a token of
the server's, without which the system lets no datagram arrive at its socket.  The thread never blocks but for the next
request, and ends when nothing is deposited any more, because a thread makes every later fork of the program a risk.
A descriptor that no process fetches stays deposited until the sender ends.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing, suppress

from processing_core._errors import HandleError, TimeoutError
from processing_core._fds import pairs, sockets
from processing_core._fds.descriptors import (
    Deposits,
    Descriptor,
    borrowed_socket,
    duplicate,
    is_scarcity,
    readable,
    scarcity,
    timeval,
)
from processing_core._forks import keep_private, thread_ends, without_forks
from processing_core._native import _kernel
from processing_core._platform import scm_rights, unused_address
from processing_core._threads import DaemonThread
from processing_core.annotations import NamedTuple, signal

__all__ = ["Shared", "deposit", "fetch", "recall"]

_TOKEN = 8  # bytes with which every request to one server begins
_REQUEST = _TOKEN + 16  # bytes of the first half of a key
_PROOF = 16  # bytes of the other
_LONGEST_WAIT = 30  # seconds; for a sender that is stopped, or whose interpreter is busy
_GONE = "this descriptor cannot be fetched: it was fetched before, or its sender is gone or has no descriptor left"


class _Deposit(NamedTuple):
    descriptor: Descriptor
    proof: bytes
    number: int
    thread: int


class _FdServer:
    """The descriptor server of this process.  ``without_forks`` guards all of it."""

    current: _FdServer | None = None

    def __init__(self) -> None:
        self.address = unused_address()
        self._deposits: dict[bytes, _Deposit] = {}
        self._shared: set[bytes] = set()  # the first halves of keys that may be used any number of times
        self._thread: threading.Thread | None = None
        self._serves = False  # its thread has begun to
        self._token = os.urandom(_TOKEN)
        self._socket = sockets.datagrams()
        try:
            self._reserve = Descriptor.of(duplicate, self._socket.fileno())
            _kernel.datagrams_require(self._socket.fileno(), int.from_bytes(self._token))
            scm_rights.ask_for_senders(self._socket)
            keep_private(self)
            self._socket.bind(self.address)
        except BaseException:
            self._socket.close()
            raise

    def begin(self) -> None:
        """Have a thread serve; none is left without one by a start that an exception of a signal handler interrupts."""
        if not self._serves and (self._thread is None or not self._thread.is_alive()):
            self._thread = DaemonThread(self._serve, name="processing-fd-server")
            self._thread.start()

    def put(self, fd: int) -> bytes:
        """Keep a copy of a descriptor; return its key."""
        key = self._token + os.urandom(_REQUEST - _TOKEN + _PROOF)
        descriptor = Descriptor.of(duplicate, fd)
        Deposits.made += 1
        self._deposits[key[:_REQUEST]] = _Deposit(descriptor, key[_REQUEST:], Deposits.made, threading.get_ident())
        return key

    def recall(self, before: int) -> None:
        """Drop the copies that this thread has deposited since ``Deposits.made`` was ``before``."""
        for request, deposit in list(self._deposits.items()):
            if deposit.number > before and deposit.thread == threading.get_ident():
                self._deposits.pop(request).descriptor.close()
        self._end_if_empty()

    def _end_if_empty(self) -> None:
        if self._deposits or _FdServer.current is not self:
            return
        if not self._serves:
            self._retire()
            self.close()
            return
        try:
            scm_rights.send(self._socket, self._token, [], socket.MSG_DONTWAIT, self.address)
        except BlockingIOError:
            pass  # the queue of requests is full: it is awake anyway
        except OSError:
            return  # it cannot be woken, as in another network namespace: it goes on, and no fork may wait for it
        self._retire()

    def _retire(self) -> None:
        """Leave what is deposited from now on to another server: the thread of this one ends."""
        _FdServer.current = None
        if self._thread is not None:
            thread_ends(self._thread)

    def share(self, before: int) -> list[bytes]:
        """Let what this thread has deposited since be fetched any number of times; return the first halves of keys."""
        mine = [
            request
            for request, deposit in self._deposits.items()
            if deposit.number > before and deposit.thread == threading.get_ident()
        ]
        self._shared.update(mine)
        return mine

    def drop(self, requests: list[bytes]) -> None:
        """Drop what was shared."""
        for request in requests:
            self._shared.discard(request)
            if request in self._deposits:
                self._deposits.pop(request).descriptor.close()
        self._end_if_empty()

    def close(self) -> None:
        """Drop everything; in a forked process too."""
        if _FdServer.current is self:
            _FdServer.current = None
        self._socket.close()
        scm_rights.forget_address(self.address)
        self._reserve.close()
        while self._deposits:
            self._deposits.popitem()[1].descriptor.close()

    def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main thread's
        with without_forks():
            serving = not self._serves and _FdServer.current is self
            self._serves |= serving
        while serving:
            readable(self._socket.fileno(), None)
            with without_forks():
                self._answer()
                serving = bool(self._deposits)
                if not serving:
                    if _FdServer.current is self:
                        self._retire()
                    self.close()

    def _answer(self) -> None:
        """Take one request. Descriptors from a process that is no member are closed, and its request is ignored."""
        self._reserve.close()  # for what is received
        request, descriptors, sender = scm_rights.receive_from(self._socket, _REQUEST, 1)
        received = Descriptor.all_of(descriptors)
        deposit = self._deposits.get(request) if received and _is_known(sender) else None
        if deposit is not None:
            with suppress(OSError):
                _answer(received[0], deposit)
            if request not in self._shared:
                self._deposits.pop(request).descriptor.close()
        for descriptor in received:
            descriptor.close()
        with suppress(OSError):  # others were faster: it does without
            self._reserve = Descriptor.of(duplicate, self._socket.fileno())


def _answer(descriptor: Descriptor, deposit: _Deposit) -> None:
    with borrowed_socket(descriptor.fileno()) as answer:
        scm_rights.send(answer, deposit.proof, [deposit.descriptor.fileno()], socket.MSG_DONTWAIT)


def _is_known(sender: scm_rights.Sender | None) -> bool:
    """Whether it is a process of this user's, or a member that has become another user."""
    if sender is None:
        return False
    return sender.uid == os.geteuid() or any(pid == sender.pid for _, _, pid, _ in _kernel.members())


def deposit(fd: int) -> tuple[bytes, bytes]:
    """Keep a copy of a descriptor to be fetched; return the address and the key. Does not block."""
    with without_forks():
        before = Deposits.made
        try:
            if _FdServer.current is None:
                _FdServer.current = _FdServer()
            _FdServer.current.begin()
            return _FdServer.current.address, _FdServer.current.put(fd)
        except BaseException:
            recall(before)  # it ends if it has nothing
            raise


def recall(before: int) -> None:
    """Drop the copies that this thread has deposited since ``Deposits.made`` was ``before``."""
    with without_forks():
        if _FdServer.current is not None:
            _FdServer.current.recall(before)


class Shared:
    """Descriptors that may be fetched any number of times, as long as this object is kept.

    :param before: ``Deposits.made`` before this thread deposited them.
    """

    def __init__(self, before: int) -> None:
        with without_forks():
            self._server = _FdServer.current
            self._requests = [] if self._server is None else self._server.share(before)

    def __del__(self) -> None:
        with without_forks():
            current = _FdServer.current
            if current is not None and current is self._server:  # not so in a forked process
                current.drop(self._requests)


_unfetched: list[tuple[bytes, bytes]] = []
"""Addresses and keys of what this process could not fetch, or was interrupted at; changed by single operations."""


def fetch(address: bytes, key: bytes) -> Descriptor:
    """Fetch a descriptor, which is possible once unless the sender shares it.

    Blocks until its sender's descriptor server has answered.

    :raises HandleError: if the sender is gone, or the descriptor was fetched before.
    :raises TimeoutError: if the sender has not answered in 30 seconds.
    :raises OSError: if this process may open no more descriptors: then the sender's copy is dropped with the next
        fetch, as it is after an interrupt.
    """
    try:
        descriptor = _fetch(address, key)
    except BaseException as error:
        if not isinstance(error, (HandleError, TimeoutError)):  # it may also be a signal handler's
            _unfetched.append((address, key))
            if is_scarcity(error):
                _let_drop()  # which takes less
        raise
    _let_drop()
    return descriptor


def _fetch(address: bytes, key: bytes) -> Descriptor:
    ours, theirs = pairs.pair()
    with closing(ours), closing(theirs):
        try:
            _request(address, key[:_REQUEST], theirs.fileno())
            theirs.close()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(_LONGEST_WAIT))
            proof, descriptors = scm_rights.receive(ours, _PROOF, 1)
        except BlockingIOError:
            raise TimeoutError(f"the process that sent a descriptor has not answered in {_LONGEST_WAIT} s") from None
        except (ConnectionRefusedError, ConnectionResetError, FileNotFoundError):  # the last where addresses are paths
            raise HandleError(
                "the process that sent this descriptor is gone, or has nothing more to be fetched"
            ) from None
    received = Descriptor.all_of(descriptors)
    if proof != key[_REQUEST:]:
        raise HandleError(_GONE)
    if not received:  # the system dropped it
        raise scarcity()
    return received[0]


def _let_drop() -> None:
    """Ask senders to drop what this process could not fetch because it had run out of descriptors."""
    with suppress(IndexError):  # of a thread that takes the last one first
        while _unfetched:
            address, key = _unfetched.pop()
            try:
                _request(address, key[:_REQUEST], None, socket.MSG_DONTWAIT)
            except OSError as error:
                if is_scarcity(error):
                    _unfetched.append((address, key))
                    return
                # The sender is gone, or too busy to be told.


def _request(address: bytes, half: bytes, answer: int | None, flags: int = 0) -> None:
    """Ask a server for a descriptor.

    :param answer: the socket to which the server shall send it; ``None`` if the server shall drop it.
    """
    with sockets.datagrams() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval(_LONGEST_WAIT))
        # Nothing can be sent to this one: it is not connected.
        scm_rights.send(connection, half, [connection.fileno() if answer is None else answer], flags, address)
