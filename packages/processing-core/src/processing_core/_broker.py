"""Descriptors that travel to processes which run already.

In the pickle a descriptor is the address of its sender's broker, and a key; whoever unpickles it fetches it there,
once::

    sender                                                     receiver
    deposit(fd)                 ─── address, key (pickled) ──▶
    broker: a thread that waits
        at a datagram socket    ◀── half of the key, and ───── fetch(address, key)
                                    a socket for the answer
                                ─── the other half, and ─────▶
                                    the descriptor

Each half proves its sender: nobody but who has the pickle gets the descriptor, and nobody who has taken over the
address of a broker that is gone can foist another on the receiver.  The thread never blocks but for the next request,
and ends when nothing is deposited any more: a program is not left with a thread, which makes every later fork a risk.
What nobody fetches stays deposited until the sender ends.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress

from processing_core import _rights
from processing_core._descriptors import Deposits, Descriptor, readable, timeval
from processing_core._errors import HandleError, TimeoutError
from processing_core._forks import keep_private, without_forks
from processing_core.annotations import NamedTuple

__all__ = ["deposit", "fetch", "recall"]

_HALF = 16  # bytes of either half of a key
_PATIENCE = 30  # seconds; for a sender that is stopped, or whose interpreter is busy
_GONE = "this descriptor cannot be fetched: it was fetched before, or its sender is gone"


class _Deposit(NamedTuple):
    descriptor: Descriptor
    proof: bytes
    number: int
    thread: int


class _Broker:
    """The broker of this process.  ``without_forks`` guards all of it."""

    current: _Broker | None = None

    def __init__(self) -> None:
        self.address = b"\0processing-" + os.urandom(16).hex().encode()
        self._deposits: dict[bytes, _Deposit] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        keep_private(self)
        self._socket.bind(self.address)
        threading.Thread(target=self._serve, name="processing-broker", daemon=True).start()

    def put(self, fd: int) -> bytes:
        """Keep a copy of a descriptor; its key."""
        key = os.urandom(2 * _HALF)
        descriptor = Descriptor(os.dup(fd))
        Deposits.made += 1
        self._deposits[key[:_HALF]] = _Deposit(descriptor, key[_HALF:], Deposits.made, threading.get_ident())
        return key

    def recall(self, before: int) -> None:
        """Drop what this thread has deposited since ``Deposits.made`` was ``before``."""
        for request, deposit in list(self._deposits.items()):
            if deposit.number > before and deposit.thread == threading.get_ident():
                self._deposits.pop(request).descriptor.close()
        if not self._deposits:
            with suppress(OSError):  # so many requests wait that it is awake anyway
                _rights.send(self._socket, b"\0", [], socket.MSG_DONTWAIT, self.address)

    def close(self) -> None:
        """Drop everything; in a forked process too."""
        if _Broker.current is self:
            _Broker.current = None
        self._socket.close()
        while self._deposits:
            self._deposits.popitem()[1].descriptor.close()

    def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main thread's
        serving = True
        while serving:
            readable(self._socket.fileno(), None)
            with without_forks():
                self._answer()
                serving = bool(self._deposits)
                if not serving:
                    self.close()

    def _answer(self) -> None:
        request, descriptors = _rights.receive(self._socket, _HALF, 1)
        for fd in descriptors:
            deposit = self._deposits.pop(request, None)
            with suppress(OSError), socket.socket(fileno=fd) as answer:  # strangers may send what is no socket
                if deposit is not None:
                    _rights.send(answer, deposit.proof, [deposit.descriptor.fileno()], socket.MSG_DONTWAIT)
            if deposit is not None:
                deposit.descriptor.close()


def deposit(fd: int) -> tuple[bytes, bytes]:
    """Let a copy of a descriptor be fetched: the address and the key.  Does not block."""
    with without_forks():
        if _Broker.current is None:
            _Broker.current = _Broker()
        return _Broker.current.address, _Broker.current.put(fd)


def recall(before: int) -> None:
    """Take back what this thread has deposited since ``Deposits.made`` was ``before``."""
    with without_forks():
        if _Broker.current is not None:
            _Broker.current.recall(before)


def fetch(address: bytes, key: bytes) -> Descriptor:
    """Fetch a descriptor, each once.

    Blocks until its sender's broker has answered.

    :raises HandleError: if the sender is gone, or the descriptor was fetched before.
    :raises TimeoutError: if the sender has not answered in 30 seconds.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            _request(address, key[:_HALF], theirs.fileno())
            theirs.close()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(_PATIENCE))
            proof, descriptors = _rights.receive(ours, _HALF, 1)
        except BlockingIOError:
            raise TimeoutError(f"the process that sent a descriptor has not answered in {_PATIENCE} s") from None
        except (ConnectionRefusedError, ConnectionResetError):
            raise HandleError(
                "the process that sent this descriptor is gone, or has nothing more to be fetched"
            ) from None
    received = [Descriptor(fd) for fd in descriptors]
    if proof != key[_HALF:] or not received:
        raise HandleError("this descriptor cannot be fetched: it was fetched before, or its sender is gone")
    return received[0]


def _request(address: bytes, half: bytes, answer: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval(_PATIENCE))
        _rights.send(connection, half, [answer], 0, address)
