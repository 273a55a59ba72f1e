"""The forkserver's own side: the server forks spare children ahead of requests, reaps its children, and reports.

The server has one thread, and no state but its children.  It ends when the client closes the control socket; if it is
importing then, its lifeline ends it.  It imports what the main module imports; each spare runs the main module itself.

The number of spares grows by one whenever the last spare was taken, up to a bound.  It drops to none when the spares
have exited unused, when one could not be forked, or when one died; the next request begins again.  When less than half
of them are left, the server forks all that are missing at once, because each page that it writes to between two forks
is copied once more.  While there is no spare, the server itself polls the control socket, and forks one that takes the
request.
"""

from __future__ import annotations

import _socket
import _thread
import errno
import gc
import importlib
import os
import resource
import sys
import threading
import time
import types
from contextlib import suppress

from processing_core import _bootstrap, _lifeline, _logging, _main_module
from processing_core._fds import pairs
from processing_core._fds.descriptors import open_pidfd
from processing_core._native import _kernel
from processing_core._platform import HUNG_UP, READABLE, Poller, reap, scm_rights, signal_process
from processing_core._start import _forkserver_protocol as protocol
from processing_core._start import _preload, _preparation, _spare, _warm_up
from processing_core._start._child import MemberId, exit_code, reap_by_number
from processing_core.annotations import NamedTuple, signal

__all__ = ["main"]

SERVER_NAME = "ForkServer"

_MOST_SPARES = 4
_LONGEST_END = 0.5  # seconds; for spares that are busy with the main module when the client ends


def main(arena: int, token: int, slot: int, serial: int, lifeline: int, control: int) -> None:
    """Run the server; does not return."""
    _kernel.ignore_interrupts()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the client may ignore it; this process reaps its children itself
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    _lifeline.arm(lifeline)
    _kernel.join_family(arena, token, slot, serial)
    _bootstrap.detach_stdin()
    prepared = _prepare()
    _kernel.rename(SERVER_NAME)  # the warm-up has changed the name
    # A handler that an imported module has set holds in the children, not here.
    on_child = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    client = _socket.socket(fileno=control)
    _Server(client, prepared, on_child).serve()
    _kernel.leave()
    os._exit(0)


def _prepare() -> _preparation.Preparation:
    parcel = _kernel.take_startup_data()
    assert parcel is not None
    prepared: _preparation.Preparation
    prepared, own_modules, preload = _kernel.unpack(parcel)
    _preparation.apply_surroundings(prepared)
    # There are no preloads if in an earlier server one of them started a thread.
    _preparation.read_main(prepared, imports=preload is not None)
    for module in own_modules:
        with suppress(ImportError):  # a child that needs it will raise the error
            importlib.import_module(module)
    if preload is not None:
        if "__main__" in preload[0]:
            _preparation.run_main_once(prepared)
        with _main_module.importing():
            _preload.import_all(*preload)
        _refuse_threads()
    _logging.name_records()
    _kernel.ignore_interrupts()  # an imported module may have set a handler
    _preparation.apply_surroundings(prepared)  # or changed other things
    if threading.active_count() == 1:
        _warm_up.warm_up(prepared)
    _warm_up.immortalize_loaded()
    _bootstrap.flush_streams()  # what the modules have written, which every child would write again
    # The objects that exist now are shared by all children: a child's collector does not look at frozen objects, so the
    # system does not copy their pages.
    gc.collect()
    gc.freeze()
    return prepared


def _refuse_threads() -> None:
    """End this process if an import has started a thread.

    In a forked child, what that thread holds would stay locked for ever.  The client starts another server, whose
    children import the modules themselves.
    """
    if not _thread._count():
        return
    names = ", ".join(thread.name for thread in threading.enumerate() if thread is not threading.main_thread())
    if sys.stderr is not None:
        print(
            "processing: a module that the main module imports, or that is to be preloaded, has started threads "
            f"({names}) in the forkserver. Copies of it could find locked what a thread holds, so each process imports "
            "the program's modules by itself; start threads under the main guard, or in a function, to avoid that.",
            file=sys.stderr,
            flush=True,
        )
    _kernel.leave()
    os._exit(protocol.THREADED)


def _forked(number: int) -> tuple[list[tuple[int, int, int]], int] | None:
    """Fork as `fork_several` does; where a debugger has replaced `os.fork`, call its function."""
    if isinstance(os.fork, types.BuiltinFunctionType):
        return _kernel.fork_several(number)
    try:
        pid = os.fork()
    except OSError as error:
        return [], error.errno or errno.EAGAIN
    if pid == 0:
        return None
    try:
        member_id = _kernel.forked()
    except (OSError, MemoryError, RuntimeError) as error:  # the arena has no room for it; it ends at once
        os.waitpid(pid, 0)
        return [], getattr(error, "errno", None) or errno.ENOMEM
    assert member_id is not None
    return [(pid, *member_id)], 0


def _discard(pid: int, member_id: MemberId) -> None:
    """End a spare that was just forked and for which no pidfd could be opened."""
    os.kill(pid, signal.SIGKILL)
    reap_by_number(pid)
    _kernel.reap(*member_id, -signal.SIGKILL)


class _Forked(NamedTuple):
    pid: int
    member_id: MemberId


class _Server:
    def __init__(self, control: _socket.socket, prepared: _preparation.Preparation, on_child: object) -> None:
        self._control = control
        self._prepared = prepared
        self._on_child = on_child
        self._limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(OSError, ValueError):  # two descriptors a child: raise the limit as far as the system allows
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._limit[1], self._limit[1]))
        _spare.bound_waiting(control)
        self._server_socket, self._server_socket_of_spares = pairs.pair(scm_rights.MESSAGES)
        self._server_socket.setblocking(False)
        self._forked: dict[int, _Forked] = {}  # by pidfd
        # The report sockets of children that are no spares, by pid; None if the socket did not arrive because this
        # process may open no more descriptors.
        self._reports: dict[int, _socket.socket | None] = {}
        self._wanted = 0
        self._poller = Poller()
        self._poller.register(self._server_socket, READABLE)
        self._watch_control()

    def serve(self) -> None:
        """Fork and reap children until the client is gone."""
        while True:
            short = 2 * self._spares() < self._wanted
            for fd, event in self._poller.poll(0 if short else None):
                if fd == self._server_socket.fileno():
                    self._note_taken()
                elif fd != self._control.fileno():
                    self._reap_child(fd)
                elif event & HUNG_UP:
                    self._end()
                    return
                else:
                    self._fork_or_tell()
            missing = self._wanted - self._spares()
            if short and missing > 0:
                self._fork(missing, ahead=True)

    def _spares(self) -> int:
        return len(self._forked) - len(self._reports)

    def _watch_control(self) -> None:
        """Poll the control socket for requests if there is no spare to read them, and in any case for its end."""
        self._poller.register(self._control, 0 if self._spares() else READABLE)

    def _fork(self, number: int, *, ahead: bool) -> int:
        """Fork spares; return 0, or the error number of what prevents more.

        :param ahead: Whether they run the main module before they take a request.
        """
        forked = _forked(number)
        if forked is None:
            _bootstrap.end_forked(lambda: self._run_spare(ahead))
        born, failure = forked
        for pid, slot, serial in born:
            try:
                pidfd = open_pidfd(pid).detach()
            except OSError as error:  # this process may open no more descriptors
                _discard(pid, (slot, serial))
                failure = error.errno or errno.EMFILE
                continue
            self._forked[pidfd] = _Forked(pid, (slot, serial))
            self._poller.register(pidfd, READABLE)
        if failure:
            self._wanted = 0
        self._watch_control()
        return failure

    def _fork_or_tell(self) -> None:
        """Fork a spare for the request that waits; if that fails, take the request and refuse it."""
        failure = self._fork(1, ahead=False)
        if failure:
            protocol.refuse_request(self._control, failure)

    def _note_taken(self) -> None:
        while (taken := protocol.receive_taken(self._server_socket)) is not None:
            pid, report = taken
            self._reports[pid] = None if report is None else _socket.socket(fileno=report)
            if not self._spares():
                self._wanted = min(self._wanted + 1, _MOST_SPARES)
        self._watch_control()

    def _reap_child(self, pidfd: int) -> None:
        self._note_taken()  # the child may have reported that it took a request before it died
        pid, member_id = self._forked.pop(pidfd)
        code = exit_code(pidfd, member_id)
        _kernel.reap(*member_id, code)
        if pid not in self._reports:
            self._wanted = 0
        elif (report := self._reports.pop(pid)) is not None:
            # The client sees the death by its own copy of the pidfd, and gets the exit code from this report.
            protocol.send_report(report, protocol.EXITED, code)
            report.close()
        reap(pidfd)
        self._poller.unregister(pidfd)
        os.close(pidfd)
        self._watch_control()

    def _end(self) -> None:
        """End after the client.

        The spares see the closed socket and exit; wait for them, and kill those that are busy.
        """
        self._server_socket.shutdown(_socket.SHUT_RD)  # no spare takes a request from here on
        self._note_taken()
        spares = {pidfd: forked for pidfd, forked in self._forked.items() if forked.pid not in self._reports}
        poller = Poller()
        for pidfd in spares:
            poller.register(pidfd, READABLE)
        until = time.monotonic() + _LONGEST_END
        waiting = set(spares)
        while waiting and (left := until - time.monotonic()) > 0:
            for pidfd, _ in poller.poll(left * 1000):
                poller.unregister(pidfd)
                waiting.discard(pidfd)
        for pidfd, (_, member_id) in spares.items():
            if pidfd in waiting:
                signal_process(pidfd, signal.SIGKILL)
            reap(pidfd)
            if pidfd in waiting:
                _kernel.reap(*member_id, -signal.SIGKILL)
        for connection in (self._server_socket, self._server_socket_of_spares, *self._reports.values()):
            if connection is not None:
                connection.close()

    def _run_spare(self, ahead: bool) -> int:
        """In a spare: close the server's descriptors, and wait for a request.

        The server's objects are left as they are, because each change copies a page; this frame keeps them alive.
        """
        if _kernel.member() is None:
            return 1  # the arena had no room for a further member
        os.close(self._server_socket.fileno())
        for pidfd in self._forked:
            os.close(pidfd)
        for report in self._reports.values():
            if report is not None:
                os.close(report.fileno())
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limit)
        return _spare.run(
            self._control.fileno(), self._server_socket_of_spares.fileno(), self._prepared, self._on_child, ahead=ahead
        )
