"""A process that cleans up what a program has registered, and that `multiprocessing` has too.

This library does not need it. Locks and queues have no names that could be left behind, and named shared memory is
unlinked after its last user: `SharedMemory` has a parameter ``track``. So this library registers nothing, and a process
that attaches to memory never causes its unlinking by ending, which programs prevent by `unregister`. The tracker serves
programs that register names of their own.  It runs from the first `register` on, until every process that has inherited
it is gone.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable

from processing_core import _own_child, _tracking_process
from processing_core._fds.descriptors import Descriptor, Lent, open_pidfd, open_pipe, readable
from processing_core._finalize import register_after_fork
from processing_core._forks import starts_process
from processing_core._process import BaseProcess
from processing_core._threads import ThreadRLock
from processing_core._tracking_process import CLEANUP_FUNCTIONS as CLEANUP_FUNCTIONS
from processing_core._tracking_process import IGNORED_SIGNALS as IGNORED_SIGNALS
from processing_core._tracking_process import main as main
from processing_core.annotations import signal

__all__ = [
    "CLEANUP_FUNCTIONS",
    "IGNORED_SIGNALS",
    "ForkIntent",
    "ResourceTracker",
    "accompanied",
    "ensure_running",
    "fork_intent",
    "getfd",
    "main",
    "register",
    "tracker",
    "unregister",
]

_LONGEST = 512  # bytes that a pipe takes at once from any process (PIPE_BUF of POSIX)


class ResourceTracker:
    """A process that unlinks the names that were registered and not unregistered, when all its users have ended.

    Every method may be called in any thread, and in a child: children share the tracker of their parent.  A child of a
    bare `os.fork` does not: it would keep the tracker from ending with the program.
    """

    def __init__(self) -> None:
        self._lock = ThreadRLock()  # guards what follows
        self._pipe: Descriptor | None = None  # its writing end
        self._pid: int | None = None  # None also where another process has started it
        self._exitcode: int | None = None
        self._waitpid_timed_out = False  # whether `_stop` has not waited until the process ended
        self._use_simple_format = False  # multiprocessing's choice of a format of messages; means nothing here
        register_after_fork(self, _after_fork)

    @property
    def _fd(self) -> int | None:
        pipe = self._pipe  # once: another thread may end it
        return None if pipe is None else pipe.fileno()

    def ensure_running(self) -> None:
        """Start the tracker's process, unless it runs. If it was killed, it is started again, with a ``UserWarning``.

        A frozen program has no interpreter that could run it: there nothing is started.

        :raises OSError: if the system refuses.
        """
        with self._lock:
            if self._pipe is not None:
                if self._check_alive():
                    return
                self._stop()
                self._exitcode = None
                warnings.warn(
                    "resource_tracker: process died unexpectedly, relaunching.  Some resources might leak.",
                    stacklevel=2,
                )
            if not getattr(sys, "frozen", False):
                self._start()

    def getfd(self) -> int | None:
        """The descriptor for messages to the tracker, which is started if necessary; ``None`` in a frozen program.

        :raises OSError: if the system refuses.
        """
        self.ensure_running()
        return self._fd

    def register(self, name: str | bytes, rtype: str) -> None:
        """Have a name unlinked when all processes of the program have ended, unless it is unregistered before.

        :param name: of the resource.
        :param rtype: one of the keys of `CLEANUP_FUNCTIONS`, such as ``"shared_memory"``.
        :raises ValueError: if the name is longer than the tracker takes, or the type is another.
        :raises OSError: if the system refuses.
        """
        if rtype not in CLEANUP_FUNCTIONS:
            raise ValueError(f"type {rtype!r} of {name!r}: it must be one of {', '.join(CLEANUP_FUNCTIONS)}")
        line = _line("REGISTER", name, rtype)
        with self._lock:
            self.ensure_running()
            self._send(line)

    def unregister(self, name: str | bytes, rtype: str) -> None:
        """Forget a name.  Nothing happens if it is not registered.

        :param name: of the resource.
        :param rtype: as in `register`.
        :raises ValueError: if the name is longer than the tracker takes.
        :raises OSError: if the system refuses.
        """
        line = _line("UNREGISTER", name, rtype)
        with self._lock:
            if self._pipe is not None:
                self.ensure_running()
                self._send(line)

    def _send(self, line: bytes) -> None:
        if self._pipe is not None:
            os.write(self._pipe.fileno(), line)

    def _check_alive(self) -> bool:
        """Whether a process reads what is written there."""
        if self._pipe is None or not self._pipe.is_open():
            return False
        try:
            self._send(_line("PROBE", "0", "noop"))
        except OSError:
            return False
        return True

    def _start(self) -> None:
        # The mask is inherited: no such signal ends the process before it ignores them.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _tracking_process.IGNORED_SIGNALS)
        reading, writing = open_pipe()
        try:
            command = [sys.executable, "-I", "-S", _tracking_process.__file__, str(reading.fileno())]
            self._pid = _own_child.run(command, pass_fds=[reading.fileno()], stdin=-3, stdout=-3)  # /dev/null
            self._pipe = writing
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            reading.close()

    def _stop(self, wait_timeout: float | None = None) -> None:
        """Close the descriptor; wait for the tracker's end if this process has started it.

        :param wait_timeout: seconds; ``None`` waits for ever.
        """
        with self._lock:
            if self._pipe is None:
                return
            self._pipe.close()
            pid, self._pipe, self._pid = self._pid, None, None
            if pid is not None:
                self._waitpid_timed_out = not _ends(pid, wait_timeout)
                self._exitcode = None if self._waitpid_timed_out else _awaited(pid)


class ForkIntent(threading.local):
    """Why this thread forks."""

    preserve_fd: bool = False
    """Whether a library forks a child of the program, which shares the tracker."""


fork_intent: ForkIntent = ForkIntent()


def _after_fork(tracker: ResourceTracker) -> None:
    tracker._lock = ThreadRLock()  # another thread of the parent may have held it
    tracker._pid = None  # no child of this process
    keeps = starts_process() or fork_intent.preserve_fd
    if not keeps and tracker._pipe is not None:
        tracker._pipe.close()
        tracker._pipe = None


def _ends(pid: int, timeout: float | None) -> bool:
    """Wait for a child's end, without collecting its exit code; return whether it came in time."""
    try:
        death = open_pidfd(pid)
    except ProcessLookupError:
        return True  # the program has waited for it
    try:
        return readable(death.fileno(), timeout)
    finally:
        death.close()


def _awaited(pid: int) -> int | None:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return None  # the program has waited for it


def _line(command: str, name: str | bytes, rtype: str) -> bytes:
    line = b"%s:%s:%s\n" % (command.encode(), _tracking_process.on_one_line(os.fsencode(name)), rtype.encode())
    if len(line) > _LONGEST:
        raise ValueError(f"name {name[:40]!r}...: with its type {rtype!r} it takes {len(line)} bytes, of {_LONGEST}")
    return line


tracker: ResourceTracker = ResourceTracker()
"""The tracker of this process and its children."""

ensure_running: Callable[[], None] = tracker.ensure_running
getfd: Callable[[], int | None] = tracker.getfd
register: Callable[[str | bytes, str], None] = tracker.register
unregister: Callable[[str | bytes, str], None] = tracker.unregister


class _Accompanied:
    """A process on its way to a child that is not forked from its parent, with the parent's tracker."""

    def __init__(self, process: BaseProcess, fd: int) -> None:
        self._process = process
        self._fd = fd

    def __reduce__(self) -> tuple[object, ...]:
        return _arrived, (self._process, Lent(self._fd))


def accompanied(process: BaseProcess) -> object:
    """What to send in place of a process: it arrives as that, and the tracker with it, if one runs."""
    pipe = tracker._pipe
    return _Accompanied(process, pipe.fileno()) if pipe is not None and pipe.is_open() else process


def _arrived(process: BaseProcess, pipe: Descriptor) -> BaseProcess:
    if tracker._pipe is None:
        tracker._pipe = pipe
    return process
