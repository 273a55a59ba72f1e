"""``forkserver``: a small single-threaded process forks the children.

So a start copies neither the parent's memory nor a lock that one of its threads holds.  Each process that starts
children by this method has one server, which ends with it; :mod:`processing_core._start._server` is the server's side.
"""

from __future__ import annotations

import _socket
import os
import weakref

from processing_core import _bootstrap, _exit, _forks
from processing_core._current import current_process
from processing_core._errors import ProcessError
from processing_core._fds import pairs
from processing_core._fds.descriptors import Descriptor, Numbers, readable
from processing_core._forks import keep_private, without_forks
from processing_core._lifeline import Lifeline
from processing_core._native import _kernel
from processing_core._platform import scm_rights
from processing_core._process import BaseProcess
from processing_core._start import _environment, _preparation, _settings
from processing_core._start import _forkserver_protocol as protocol
from processing_core._start._child import UNKNOWN_EXIT, Child, DirectChild, MemberId, exit_code_left, kill_newborn
from processing_core._start._exec import execute, reserved, signals_blocked
from processing_core._threads import ThreadRLock
from processing_core.annotations import signal

__all__ = ["ForkServer", "start"]

_SERVER = "processing_core._start._server"  # this process need not import it
_ATTEMPTS = 3
_LONGEST_WAIT = 1.0  # seconds; for a server that has nothing else to do


class ForkServer:
    """The forkserver of this process."""

    def __init__(self, status: _environment.Status) -> None:
        self._identity = status.identity
        self._own_modules = _settings.own_modules()
        self._nice = os.getpriority(os.PRIO_PROCESS, 0)
        prepared = _preparation.prepare_served(current_process(), status.umask)
        self._prepared: _preparation.Preparation = {
            **prepared,
            "name": "ForkServer",
            "logging": None,
            "child_signal_ignored": False,
        }
        with without_forks():
            ours, theirs = (Descriptor.of(_socket.socket.detach, end) for end in pairs.pair(scm_rights.MESSAGES))
            self._control = keep_private(ours)
        try:
            self._process = self._execute(theirs.fileno())
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        # Runs at this process's end, or when nothing refers to this object any more: another server has replaced it
        # then, and its children, which refer to it, have ended.
        self._end = weakref.finalize(self, _stop, os.getpid(), self._control, self._process)
        self._end.atexit = False
        weakref.finalize(self, _exit.at_exit(self._end, priority=-100)).atexit = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the server runs."""
        return self._process.poll() is None

    def got_threads(self) -> bool:
        """Whether the server has ended because an import had started a thread."""
        return self._process.poll() == protocol.THREADED

    def serves(self, status: _environment.Status) -> bool:
        """Whether the server runs, and its children would have this process's present credentials and nice value.

        A child has the credentials with which its server was started; and it needs a privilege to lower its nice value.
        """
        if any(module not in self._own_modules for module in _settings.needed()):
            return False
        if self._prepared["child_setup"] != _settings.child_setup():
            return False  # its spares have run the main module with the other
        if not self._control.is_open() or self._identity != status.identity:
            return False
        if self._nice > os.getpriority(os.PRIO_PROCESS, 0):
            return False
        return self.running()

    def prepare(self, process: BaseProcess, umask: int | None) -> _preparation.Preparation:
        """What a child of this server must change to become ``process``."""
        return _preparation.changes(_preparation.prepare_served(process, umask), self._prepared)

    def request(self, parcel: _kernel.Parcel, lifeline: int, inherited: int) -> ServedChild | None:
        """Request a child.

        Blocks until the child has started.

        :param parcel: The pickled process, and what the child must change.
        :param lifeline: The child's end of its lifeline; -1 for none.
        :param inherited: The child's end of the socket with its inherited descriptors; -1 for none.
        :return: the child, whose lifeline the caller has yet to set; ``None`` if the spare that took the request died,
            or the server did.
        :raises OSError: if the system refuses.
        """
        numbers = Numbers()
        try:
            answer = _kernel.request_child(self._control.fileno(), parcel, lifeline, inherited, numbers)
        except (BrokenPipeError, ConnectionResetError):
            self._await_end()
            return None
        kind, value, slot, serial = answer
        report, *of_child = Descriptor.all_of(numbers)
        if kind == protocol.STARTED:
            (pidfd,) = of_child
            return ServedChild(value, pidfd, (slot, serial), report, self)
        if kind == protocol.FAILED:
            raise OSError(value, os.strerror(value))
        if kind == protocol.GONE:
            self._await_end()
        return None

    def stop(self) -> None:
        """End the server, and close its descriptors; blocks for a second at most."""
        self._end()

    def _await_end(self) -> None:
        """Wait for the end of a server that is about to end, so that no further request is sent to it."""
        _await_end(self._process)

    def _execute(self, control: int) -> DirectChild:
        prepared = {**self._prepared, "limits": None, "umask": None, "environment": None}  # the server inherits them
        parcel = _kernel.pack((prepared, self._own_modules, None if _state.imports_threads else _settings.preload()))
        lifeline = Lifeline()
        born: list[int] = []
        try:
            with reserved("ForkServer") as (member_id, token):
                _kernel.set_startup_data(parcel, *member_id)
                # Ctrl-C is for the children; the server ignores it as soon as it can.
                with signals_blocked([signal.SIGINT]):
                    end = lifeline.child_end()
                    execute(born, _SERVER, member_id, token, end, control)
            lifeline.handed_over()
            return DirectChild(born[0], member_id, lifeline)
        except BaseException:
            for pid in born:
                kill_newborn(pid)
            raise


def _stop(pid: int, control: Descriptor, process: DirectChild) -> None:
    if pid == os.getpid():  # else it is the server of the parent, by whose fork this process was made
        control.close()
        _await_end(process)
        process.close()


def _await_end(process: DirectChild) -> None:
    if process.wait(_LONGEST_WAIT) is None:
        process.send_signal(signal.SIGKILL)
        process.wait()


class ServedChild(Child):
    """A child of the forkserver, which waits for it and reports its exit code."""

    def __init__(
        self, pid: int, death: Descriptor, member_id: MemberId, report: Descriptor, server: ForkServer
    ) -> None:
        super().__init__(pid, death, member_id, None)
        self._report = report
        self._server = server  # keeps the server running, which must report the exit code

    def watch(self, lifeline: Lifeline | None) -> None:
        """Take over this process's end of the child's lifeline."""
        self._lifeline = lifeline

    def _release(self) -> None:
        super()._release()
        self._report.close()

    def _collect(self) -> None:
        code = exit_code_left(self.member_id)
        if code is None:
            if self._report.is_open():  # else the program has closed it, as a process does that becomes a daemon
                if not readable(self._report.fileno(), _LONGEST_WAIT):
                    return  # the server was stopped (SIGSTOP): the code is not known yet
                # The report stays in the socket, so that every thread that waits reads the same.
                code = protocol.peek_report(self._report.fileno())
            if code is None:
                code = UNKNOWN_EXIT
            _kernel.reap(*self.member_id, code)
        self.returncode = code


class _State:
    def __init__(self) -> None:
        self.server: ForkServer | None = None
        # Whether an import of the program has started threads: then the forkserver does not import its modules.
        self.imports_threads: bool = False
        # Guards ``server`` against two threads that both find none.
        self.lock = ThreadRLock()


_state = _State()


def start(process: BaseProcess) -> Child:
    """Start ``process`` as a child of the forkserver.

    :raises Exception: if ``process`` cannot be pickled.
    :raises OSError: if the system refuses.
    :raises ProcessError: if the forkserver dies again and again.
    """
    _bootstrap.flush_streams()  # so that what was written before comes before what the child writes
    lifeline = Lifeline() if process.daemon else None
    end = -1 if lifeline is None else lifeline.child_end()
    for _ in range(_ATTEMPTS):
        status = _environment.status()
        server = running_server(status)
        with _preparation.packed(process, server.prepare(process, status.umask)) as (parcel, inherited, _):
            child = server.request(parcel, end, inherited)
        if child is not None:
            break
    else:
        raise _died(process)
    if lifeline is not None:
        lifeline.handed_over()
    child.watch(lifeline)
    return child


def _died(process: BaseProcess) -> ProcessError:
    error = ProcessError(f"the forkserver died {_ATTEMPTS} times while it started {process.name}")
    if _settings.preload()[1] != "ignore":
        error.add_note("A module that it is to preload may have failed; what it raised is on sys.stderr.")
    return error


def running_server(status: _environment.Status | None = None) -> ForkServer:
    """The forkserver of this process; starts one if there is none that `ForkServer.serves`.

    :param status: this process's present status, if the caller knows it.
    """
    status = status or _environment.status()
    with _state.lock:
        server = _state.server
        if server is None or not server.serves(status):
            if server is not None and not server.running():
                _state.imports_threads = _state.imports_threads or server.got_threads()
                server.stop()
            server = _state.server = ForkServer(status)
        return server


def present_server() -> ForkServer | None:
    """The forkserver of this process, if one runs.  Starts none."""
    server = _state.server
    return server if server is not None and server.running() else None


def stop() -> None:
    """End the forkserver of this process, if one runs; the next start makes another.  Blocks for a second at most."""
    with _state.lock:
        server, _state.server = _state.server, None
        if server is not None:
            server.stop()


def _forget() -> None:
    _state.server = None
    _state.lock = ThreadRLock()


_forks.forget_in_child(_forget)
