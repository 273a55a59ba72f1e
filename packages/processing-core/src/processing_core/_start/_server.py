"""The forkserver's own side: it keeps spare children waiting, waits for all that it forked, and reports.

It has one thread and no state but its children.  It ends when the control socket does, and by its lifeline if it is
busy with the main module then.

How many spares: one more whenever the last was taken, up to a bound; none once they gave themselves up, or one could
not be forked or died, until the next request.  When less than half of them are left, so many are forked at once as are
missing: what the server writes to between two forks it must copy.  While there is none, the server itself looks at the
control socket, and forks one that takes what lies there.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import select
import signal
import socket
import threading
import types
from contextlib import suppress

from processing_core import _bootstrap, _lifeline, _logging
from processing_core._native import _kernel
from processing_core._start import _forkserver_protocol as protocol
from processing_core._start import _preparation, _rehearsal, _spare
from processing_core._start._child import Place, exit_code, reap
from processing_core.annotations import NamedTuple

__all__ = ["main"]

_MOST_SPARES = 4


def main(arena: int, token: int, slot: int, serial: int, lifeline: int, control: int) -> None:
    """What the server does."""
    _kernel.ignore_interrupts()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    _lifeline.arm(lifeline)
    _kernel.adopt(arena, token, slot, serial)
    _bootstrap.detach_stdin()
    prepared = _prepare()
    with socket.socket(fileno=control) as client:
        _Server(client, prepared).serve()
    _kernel.leave()
    os._exit(0)


def _prepare() -> _preparation.Preparation:
    parcel = _kernel.inheritance()
    assert parcel is not None
    prepared: _preparation.Preparation
    prepared, preload = _kernel.unpack(parcel)
    loaded = True
    try:
        _preparation.apply(prepared)
    except BaseException:
        # The main module cannot be loaded.  Each child meets the same error, and tells.
        loaded = False
    for name in preload:
        with suppress(Exception):  # it is for the children to meet it
            importlib.import_module(name)
    _logging.name_records()
    _kernel.ignore_interrupts()  # the main module may have set a handler
    if loaded and threading.active_count() == 1:
        _preparation.apply_again(prepared)
        _rehearsal.rehearse(prepared)
    _rehearsal.share_for_ever()
    # What is there now is everybody's: a child's collector that does not look at it does not copy it either.
    gc.collect()
    gc.freeze()
    return prepared


def _forked(number: int) -> tuple[list[tuple[int, int, int]], int] | None:
    """Fork as `fork_several` does; where a debugger has put its own function in the place of `os.fork`, by that."""
    if isinstance(os.fork, types.BuiltinFunctionType):
        return _kernel.fork_several(number)
    try:
        pid = os.fork()
    except OSError as error:
        return [], error.errno or errno.EAGAIN
    if pid == 0:
        return None
    place = _kernel.forked()
    if place is None:  # the arena has no room for it; it ends at once
        os.waitpid(pid, 0)
        return [], errno.ENOMEM
    return [(pid, *place)], 0


class _Forked(NamedTuple):
    pid: int
    place: Place


class _Server:
    def __init__(self, control: socket.socket, prepared: _preparation.Preparation) -> None:
        self._control = control
        self._prepared = prepared
        _spare.bound_waiting(control)
        self._desk, self._desk_of_spares = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._desk.setblocking(False)
        self._forked: dict[int, _Forked] = {}  # by pidfd
        self._reports: dict[int, socket.socket] = {}  # by pid, of those that are no spares
        self._wanted = 0
        self._poller = select.poll()
        self._poller.register(self._desk, select.POLLIN)
        self._watch_control()

    def serve(self) -> None:
        """Serve until the client is gone."""
        while True:
            short = 2 * self._spares() < self._wanted
            for fd, event in self._poller.poll(0 if short else None):
                if fd == self._desk.fileno():
                    self._note_taken()
                elif fd != self._control.fileno():
                    self._bury(fd)
                elif event & select.POLLHUP:
                    self._end()
                    return
                else:
                    self._fork_or_tell()
            missing = self._wanted - self._spares()
            if short and missing > 0:
                self._fork(missing)

    def _spares(self) -> int:
        return len(self._forked) - len(self._reports)

    def _watch_control(self) -> None:
        """Look at the control socket for requests if nobody else does, and in any case for its end."""
        self._poller.register(self._control, 0 if self._spares() else select.POLLIN)

    def _fork(self, number: int) -> int:
        """Fork spares; 0, or what is in the way of more."""
        forked = _forked(number)
        if forked is None:
            _bootstrap.end_forked(self._live)
        born, failure = forked
        for pid, slot, serial in born:
            pidfd = os.pidfd_open(pid)
            self._forked[pidfd] = _Forked(pid, (slot, serial))
            self._poller.register(pidfd, select.POLLIN)
        if failure:
            self._wanted = 0
        self._watch_control()
        return failure

    def _fork_or_tell(self) -> None:
        """Fork for the request that waits; if that fails, take it and say so."""
        failure = self._fork(1)
        if failure:
            protocol.refuse_request(self._control, failure)

    def _note_taken(self) -> None:
        while (taken := protocol.receive_taken(self._desk)) is not None:
            pid, report = taken
            self._reports[pid] = socket.socket(fileno=report)
            if not self._spares():
                self._wanted = min(self._wanted + 1, _MOST_SPARES)
        self._watch_control()

    def _bury(self, pidfd: int) -> None:
        self._note_taken()  # what it may have said before it died
        pid, place = self._forked.pop(pidfd)
        code = exit_code(pidfd)
        _kernel.bury(*place, code)
        report = self._reports.pop(pid, None)
        if report is None:
            self._wanted = 0
        else:
            # The client learns of the death from its own copy of the pidfd, and of the code from here.
            with report:
                protocol.send_report(report, protocol.EXITED, code)
        reap(pidfd)
        self._poller.unregister(pidfd)
        os.close(pidfd)
        self._watch_control()

    def _end(self) -> None:
        """The client is gone: the spares see that too and end; wait for them."""
        for pidfd, forked in self._forked.items():
            if forked.pid not in self._reports:
                reap(pidfd)
        for connection in (self._desk, self._desk_of_spares, *self._reports.values()):
            connection.close()

    def _live(self) -> int:
        """In a spare: close what is the server's, and wait for work.

        The server's objects stay as they are, for to change one copies a page; as this frame stays, they do too.
        """
        if _kernel.member() is None:
            return 1  # there was no room for it in the arena
        os.close(self._desk.fileno())
        for pidfd in self._forked:
            os.close(pidfd)
        for report in self._reports.values():
            os.close(report.fileno())
        return _spare.live(self._control.fileno(), self._desk_of_spares.fileno(), self._prepared)
