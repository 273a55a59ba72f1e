"""``forkserver``: a small single-threaded process forks the children.

So a start neither copies the parent nor meets its threads.  Each process that starts children so
has one server, which ends with it; :mod:`processing_core._start._server` is the server's side.
"""

from __future__ import annotations

import os
import signal
import socket
import threading

from processing_core import _exit, _forks
from processing_core._current import current_process
from processing_core._descriptors import Descriptor, readable
from processing_core._errors import ProcessError
from processing_core._forks import keep_private, without_forks
from processing_core._lifeline import Lifeline
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._start import _forkserver_protocol as protocol
from processing_core._start import _preparation, _settings
from processing_core._start._child import UNKNOWN_EXIT, Child, DirectChild, Place
from processing_core._start._exec import execute, reserved, signals_blocked

__all__ = ["ForkServer", "start"]

_SERVER = "processing_core._start._server"  # this process need not import it
_ATTEMPTS = 3
_PATIENCE = 1.0  # seconds; for a server that has nothing else to do


class ForkServer:
    """The forkserver of this process."""

    def __init__(self) -> None:
        prepared = _preparation.prepare_served(current_process())
        self._prepared: _preparation.Preparation = {**prepared, "name": "ForkServer", "logging": None}
        with without_forks():
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control = keep_private(ours)
        with theirs:
            self._process = self._execute(theirs.fileno())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def prepare(self, process: BaseProcess) -> _preparation.Preparation:
        """What a child of this server will need to be ``process``."""
        return _preparation.changes(_preparation.prepare_served(process), self._prepared)

    def request(self, parcel: _kernel.Parcel, lifeline: int, luggage: int) -> ServedChild | None:
        """Have a child born.

        Blocks until it is.

        :param parcel: What it will be.
        :param lifeline: The child's end of it; -1 for none.
        :param luggage: Likewise.
        :return: the child, without its own lifeline yet; ``None`` if who took the request died, or the server did.
        :raises OSError: if the system refuses.
        """
        try:
            answer = _kernel.request_child(self._control.fileno(), parcel, lifeline, luggage)
        except (BrokenPipeError, ConnectionResetError):
            self._await_end()
            return None
        kind, value, slot, serial, pidfd, socket_of_report = answer
        report = Descriptor(socket_of_report)
        if kind == protocol.BORN:
            return ServedChild(value, Descriptor(pidfd), (slot, serial), report, self)
        if kind == protocol.FAILED:
            raise OSError(value, os.strerror(value))
        if kind == protocol.GONE:
            self._await_end()
        return None

    def stop(self) -> None:
        """End it; blocks for a second at most."""
        self._control.close()
        self._await_end()
        self._process.close()

    def _await_end(self) -> None:
        """Wait for the end of a server that is about to end, so that it is not asked again."""
        if self._process.wait(_PATIENCE) is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _execute(self, control: int) -> DirectChild:
        prepared = {**self._prepared, "umask": None, "environment": None}  # it inherits them
        parcel = _kernel.pack((prepared, _settings.preload()))
        lifeline = Lifeline()
        with reserved("ForkServer") as (place, token):
            _kernel.give(parcel, *place)
            # Ctrl-C is for the children; the server ignores it as soon as it can.
            with signals_blocked([signal.SIGINT]):
                end = lifeline.child_end()
                pid = execute(_SERVER, place, token, end, control)
        lifeline.handed_over()
        return DirectChild(pid, place, lifeline)


class ServedChild(Child):
    """A child of the forkserver, which waits for it and reports its exit code."""

    def __init__(self, pid: int, death: Descriptor, place: Place, report: Descriptor, server: ForkServer) -> None:
        super().__init__(pid, death, place, None)
        self._report = report
        self._server = server  # keeps it running: who else would report?

    def watch(self, lifeline: Lifeline | None) -> None:
        """Take over this process's end of the child's lifeline."""
        self._lifeline = lifeline

    def close(self) -> None:
        """Close the descriptors."""
        super().close()
        self._report.close()

    def _collect(self) -> None:
        code = self._last_words()
        if code is None:
            if not readable(self._report.fileno(), _PATIENCE):
                return  # the server has been stopped (SIGSTOP): nobody knows yet
            # Not taken out, so that every thread that waits reads the same.
            code = protocol.peek_report(self._report.fileno())
            if code is None:
                code = UNKNOWN_EXIT
            _kernel.bury(*self.place, code)
        self.returncode = code

    def _last_words(self) -> int | None:
        """The exit code that stands in the arena: put there by the child at its end, or by who buried it."""
        obituary = _kernel.obituary(self.place[1])
        return None if obituary is None else obituary[2]


class _State:
    def __init__(self) -> None:
        self.server: ForkServer | None = None
        # Guards ``server`` against two threads that both find none.
        self.lock = threading.RLock()


_state = _State()


def start(process: BaseProcess) -> Child:
    """Start ``process`` as a child of the forkserver.

    :raises Exception: if ``process`` cannot be pickled.
    :raises OSError: if the system refuses.
    :raises ProcessError: if the forkserver dies again and again.
    """
    lifeline = Lifeline() if process.daemon else None
    end = -1 if lifeline is None else lifeline.child_end()
    for _ in range(_ATTEMPTS):
        server = running_server()
        with _preparation.packed(process, server.prepare(process)) as (parcel, luggage):
            child = server.request(parcel, end, luggage)
        if child is not None:
            break
    else:
        raise ProcessError(f"the forkserver died {_ATTEMPTS} times while it started {process.name}")
    if lifeline is not None:
        lifeline.handed_over()
    child.watch(lifeline)
    return child


def running_server() -> ForkServer:
    """The forkserver of this process, which is started if there is none."""
    with _state.lock:
        if _state.server is None or not _state.server.running():
            _state.server = ForkServer()
            _exit.at_exit(_state.server.stop, priority=-100)
        return _state.server


def _forget() -> None:
    _state.server = None
    _state.lock = threading.RLock()


_forks.forget_in_child(_forget)
