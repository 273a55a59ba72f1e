"""The forkserver's own side: it forks on request, waits for its children, and reports.

It has one thread and no state but its children.  It ends when the control socket does, and by its
lifeline if it is busy with the main module then.
"""

import importlib
import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NamedTuple

from processing_core import _bootstrap, _lifeline
from processing_core._forks import keep_private
from processing_core._native import _kernel
from processing_core._start import _forkserver_protocol as protocol
from processing_core._start import _preparation
from processing_core._start._child import Place, exit_code, reap
from processing_core._start._spawn import run_inherited

__all__ = ["main"]

_Handler = Callable[[int, FrameType | None], object] | int | None


def main(arena: int, token: int, slot: int, serial: int, lifeline: int, control: int) -> None:
    """What the server does."""
    interrupt_handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    _lifeline.arm(lifeline)
    _kernel.adopt(arena, token, slot, serial)
    _prepare()
    with socket.socket(fileno=control) as client:
        keep_private(client)
        _Server(client, interrupt_handler).serve()
    _kernel.leave()
    os._exit(0)


def _prepare() -> None:
    parcel = _kernel.inheritance()
    assert parcel is not None
    prepared = _preparation.Preparation(*_kernel.unpack(parcel))
    try:
        _preparation.apply(prepared)
    except BaseException:
        # The main module cannot be loaded.  Each child meets the same error, and tells.
        pass
    for name in prepared.preload:
        with suppress(Exception):  # it is for the children to meet it
            importlib.import_module(name)


class _Served(NamedTuple):
    place: Place
    report: socket.socket


class _Server:
    def __init__(self, control: socket.socket, interrupt_handler: _Handler) -> None:
        self._control = control
        self._interrupt_handler = interrupt_handler
        self._children: dict[int, _Served] = {}  # by pidfd
        self._poller = select.poll()
        self._poller.register(control, select.POLLIN)

    def serve(self) -> None:
        """Serve until the client is gone."""
        while True:
            for fd, _ in self._poller.poll():
                if fd != self._control.fileno():
                    self._bury(fd)
                elif not self._accept():
                    return

    def _accept(self) -> bool:
        request = protocol.receive_request(self._control)
        if request is None:
            return False
        _kernel.fork_into(request.slot, request.serial, request.name)
        report = socket.socket(fileno=request.report)
        try:
            pid = os.fork()
        except OSError as error:
            protocol.send_report(report, protocol.FAILED, error.errno or 0)
            report.close()
        else:
            if pid == 0:
                _bootstrap.end_forked(lambda: self._live(request, report))
            self._add(pid, request, report)
        _kernel.close_token(request.token)
        for fd in (request.lifeline, request.luggage):
            if fd >= 0:
                os.close(fd)
        return True

    def _add(self, pid: int, request: protocol.Request, report: socket.socket) -> None:
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = _Served((request.slot, request.serial), report)
        self._poller.register(pidfd, select.POLLIN)
        protocol.send_report(report, protocol.BORN, pid, pidfd)

    def _bury(self, pidfd: int) -> None:
        child = self._children.pop(pidfd)
        code = exit_code(pidfd)
        _kernel.bury(*child.place, code)
        # The client learns of the death from its own copy of the pidfd, and of the code from here.
        protocol.send_report(child.report, protocol.EXITED, code)
        reap(pidfd)
        self._poller.unregister(pidfd)
        os.close(pidfd)
        child.report.close()

    def _live(self, request: protocol.Request, report: socket.socket) -> int:
        # Blocked until it is known whether the parent's thread had it blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        signal.signal(signal.SIGINT, self._interrupt_handler)
        self._forget(request, report)
        if request.lifeline >= 0:
            _lifeline.arm(request.lifeline)
        return run_inherited(request.luggage)

    def _forget(self, request: protocol.Request, report: socket.socket) -> None:
        """In a child: close what is the server's."""
        report.close()
        _kernel.close_token(request.token)
        for pidfd, child in self._children.items():
            os.close(pidfd)
            child.report.close()
        self._children.clear()
