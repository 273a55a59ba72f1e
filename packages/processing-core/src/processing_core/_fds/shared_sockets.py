"""The same as `handles` for sockets: Windows copies one for a process whose id the sender knows.

So the receiver asks, and a thread of the sender answers::

    receiver                                 sender
    requests.put((number, pid, answers))     number, pid, answers = requests.get()
    information = answers.get()              answers.put(socket.share(pid))

That thread runs while sockets are deposited.  A socket that was fetched, or recalled, cannot be fetched again.
"""

from __future__ import annotations

import _socket
import os
import queue
import sys
import threading

from processing_core._errors import HandleError
from processing_core._fds import handles
from processing_core._fds.descriptors import Descriptor, borrowed_socket, duplicate, limit_named, open_pidfd, polled_now
from processing_core._native import _kernel
from processing_core._platform import READABLE
from processing_core._threads import DaemonThread
from processing_core.annotations import TypeAlias

assert sys.platform == "win32"  # for type checkers

if sys.version_info >= (3, 13):
    from queue import ShutDown
else:
    from processing_core._errors import ShutDown

__all__ = ["deposit", "fetch"]

_SLICE = 0.1  # seconds between two looks whether the sender lives

_Requests: TypeAlias = "_kernel.Queue[tuple[int, int, _kernel.Queue[bytes | None]]]"


class _Server:
    """The thread that answers, and its deposits; `handles.guard` guards it."""

    current: _Server | None = None

    def __init__(self) -> None:
        self.requests: _Requests = _kernel.Queue()
        self.deposits: dict[int, _SocketDeposit] = {}
        DaemonThread(self._serve, name="processing-socket-server").start()

    def forget(self, number: int) -> None:
        """Have one deposit less; the thread ends with the last."""
        self.deposits.pop(number, None)
        if not self.deposits and _Server.current is self:
            _Server.current = None
            self.requests.shutdown()  # what was asked before is answered

    def _serve(self) -> None:
        while True:
            try:
                number, pid, answers = self.requests.get()
            except (ShutDown, HandleError):
                return
            try:
                answers.put(self._information(number, pid))
            except (ShutDown, HandleError):
                pass  # the receiver is gone

    def _information(self, number: int, pid: int) -> bytes | None:
        with handles.guard:
            made = self.deposits.get(number)
            if made is None:
                return None
            try:
                return made.information(pid)
            except OSError:
                return None
            finally:
                if not made.shared:
                    handles.drop(number)


class _SocketDeposit:
    def __init__(self, copy: Descriptor, server: _Server) -> None:
        self._copy, self._server = copy, server
        self.thread = threading.get_ident()
        self.shared = False
        self.number = 0

    def information(self, pid: int) -> bytes:
        with borrowed_socket(self._copy.fileno()) as sent:
            return bytes(sent.share(pid))

    def is_fetched(self) -> bool:
        return False  # it is dropped at once then

    def share(self) -> None:
        self.shared = True

    def drop(self) -> None:
        self._copy.close()
        self._server.forget(self.number)


def deposit(fd: int) -> tuple[int, int, _Requests]:
    """Keep a copy of a socket to be fetched.  Does not block.

    :return: the arguments of `fetch`.
    """
    copy = Descriptor.of(duplicate, fd)
    with handles.guard:
        server = _Server.current = _Server.current or _Server()
        made = _SocketDeposit(copy, server)
        made.number = handles.keep(made)
        server.deposits[made.number] = made
        return os.getpid(), made.number, server.requests


def fetch(pid: int, number: int, requests: _Requests) -> Descriptor:
    """Fetch a socket, which is possible once unless the sender shares it.

    Blocks until the sender has answered.

    :raises HandleError: if the sender is gone, or the socket was fetched before.
    """
    try:
        information = _answer(pid, number, requests)
    except (ShutDown, ProcessLookupError):
        information = None
    if information is None:
        raise HandleError(handles.GONE)
    with limit_named():
        return Descriptor.of(_opened, information)


def _answer(pid: int, number: int, requests: _Requests) -> bytes | None:
    answers: _kernel.Queue[bytes | None] = _kernel.Queue()
    sender = open_pidfd(pid)
    requests.put((number, os.getpid(), answers))
    while True:
        ended = polled_now(sender.fileno(), READABLE)
        try:
            return answers.get(timeout=0 if ended else _SLICE)
        except queue.Empty:
            if ended:
                return None


def _opened(information: bytes) -> int:
    return _socket.socket(0, 0, 0, information).detach()
