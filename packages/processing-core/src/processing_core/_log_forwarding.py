"""Log records of children, delivered to the handlers of this process.

    child: logger → root's only handler → ring of messages → this process's thread → logger.handle

Each child puts its records into one ring in the order in which it makes them, so they arrive in that order, and what a
killed child had logged arrives, too.  The ring is bounded: a child that is faster than this process waits, and drops
records if it has waited for long; their number arrives with the next one.  The thread ends with the last of the
children, and whatever waits for a child's end also waits until its records were handled.

The lines that `faulthandler` writes in a crash go to a file in memory, which this process has open as well.
"""

from __future__ import annotations

import faulthandler
import itertools
import logging
import os
import sys
import threading
from collections.abc import Mapping
from queue import Full

from processing_core import _forks
from processing_core._fds.descriptors import Descriptor, opened
from processing_core._log_records import message_of, record_of
from processing_core._logging import NAME, forward_logs, forwards
from processing_core._native import _kernel
from processing_core._process_state import state as relatives
from processing_core._threads import BinarySemaphore, DaemonThread, ThreadRLock
from processing_core.annotations import Any, NamedTuple

__all__ = ["LogSender", "ended", "sender"]

LARGEST_BACKLOG = 4 << 20
"""Bytes of records that wait for this process."""
LONGEST_STALL = 5.0
"""Seconds that a child waits for room, once; and that the end of a child waits for its records to be handled."""

RECORD, CRASH_FILE, ENDED = range(3)


class LogSender(NamedTuple):
    """What a child needs to log as this process does; it is sent with the child."""

    queue: _kernel.Queue[Any]
    levels: Mapping[str, int]
    """By the logger's name; the root's is empty."""
    disabled: int
    """The level up to which `logging.disable` has turned logging off."""
    everywhere: bool
    """Whether its children forward, too."""

    def begin(self) -> None:
        """In the child: from now on send all records, and those of warnings."""
        _state.sender = self
        forward_logs(self.everywhere)
        _forget_handlers()
        for name, level in self.levels.items():
            logging.getLogger(name).setLevel(level)
        logging.disable(self.disabled)
        logging.getLogger().addHandler(_Handler(self.queue))
        logging.captureWarnings(True)
        _send_crashes(self.queue)


class _Handler(logging.Handler):
    """Sends records to the parent.  Its lock guards the counts."""

    def __init__(self, queue: _kernel.Queue[Any]) -> None:
        super().__init__()
        self._queue = queue
        self._lost = 0
        self._stalled = False  # the last record was lost: the next one does not wait

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = message_of(record, str(relatives.current.name))
        except Exception:
            self.handleError(record)
            return
        if self._lost:
            message[0]["lost"] = self._lost
        try:
            self._queue.put((RECORD, *message), True, 0 if self._stalled else LONGEST_STALL)
            self._lost, self._stalled = 0, False
        except (Full, MemoryError, OSError, ValueError):  # also a ring that was closed with the parent
            self._lost, self._stalled = self._lost + 1, True


def _forget_handlers() -> None:
    """Drop what a fork has copied, so that a record is handled once."""
    named = logging.Logger.manager.loggerDict.items()
    loggers = [item for name, item in named if isinstance(item, logging.Logger) and name != NAME]
    for logger in [logging.getLogger(), *loggers]:
        logger.handlers = []
        logger.filters = []
        logger.propagate = True


def _send_crashes(queue: _kernel.Queue[Any]) -> None:
    if faulthandler.is_enabled() or not hasattr(os, "memfd_create"):
        return
    with _forks.without_forks():
        file = _forks.keep_private(Descriptor.of(os.memfd_create, "crash"))
    faulthandler.enable(file.fileno())
    _state.crash_file = file  # open as long as the process lives
    queue.put((CRASH_FILE, os.getpid(), str(relatives.current.name), file.fileno()))


class _State:
    def __init__(self) -> None:
        self.sender: LogSender | None = None  # of this process, if it is such a child
        self.receiver: _Receiver | None = None
        self.crash_file: Descriptor | None = None
        self.guard = ThreadRLock()  # guards that there is one receiver, and how many children it has

    def forget(self) -> None:
        """In a fork: the receiver is the parent's."""
        self.receiver = None
        self.guard = ThreadRLock()


class _Receiver:
    """The thread that handles the records, and the children that it has."""

    def __init__(self) -> None:
        self.queue: _kernel.Queue[Any] = _kernel.Queue(0, LARGEST_BACKLOG)
        self.children = 0
        self._marks = itertools.count()
        self._handled: dict[int, BinarySemaphore] = {}
        self._crash_files: dict[int, tuple[str, Descriptor]] = {}  # by pid
        self.thread = DaemonThread(self._run, name="processing log receiver")

    def await_handled(self, pid: int | None, *, last: bool) -> None:
        """A child has ended: wait until its records were handled.

        :param last: whether the thread has no other child, and ends.
        """
        mark, handled = next(self._marks), BinarySemaphore()
        self._handled[mark] = handled
        try:
            self.queue.put((ENDED, mark, pid, last), True, LONGEST_STALL)
        except (Full, MemoryError):
            return  # the program's handlers stand still; what waits is handled later
        if threading.current_thread() is not self.thread:
            handled.acquire(True, LONGEST_STALL)
            if last:
                self.thread.join(LONGEST_STALL)

    def _run(self) -> None:
        _kernel.set_idle(True)
        while self._handle(*self.queue.get()):
            pass

    def _handle(self, kind: int, *message: Any) -> bool:
        """Handle a message; whether more will come."""
        if kind == ENDED:
            return self._end(*message)
        try:
            if kind == RECORD:
                _deliver(message[0], message[1])
            else:
                self._open_crash_file(*message)
        except Exception:
            sys.excepthook(*sys.exc_info())  # of a handler or filter of the program: the next record is delivered
        return True

    def _end(self, mark: int, pid: int | None, last: bool) -> bool:
        self._log_crash(pid)
        handled = self._handled.pop(mark, None)
        if handled is not None:
            handled.release()
        return not last

    def _open_crash_file(self, pid: int, name: str, fd: int) -> None:
        try:
            self._crash_files[pid] = name, opened(f"/proc/{pid}/fd/{fd}", os.O_RDONLY)
        except OSError:
            pass  # the child has ended already

    def _log_crash(self, pid: int | None) -> None:
        name, file = self._crash_files.pop(pid or 0, ("", None))
        if file is None:
            return
        text = os.pread(file.fileno(), 1 << 16, 0).decode(errors="replace").strip()
        file.close()
        if text:
            plain = {"name": "faulthandler", "levelno": logging.CRITICAL, "levelname": "CRITICAL", "message": text}
            _deliver({**plain, "process": pid, "processName": name}, None)


def _deliver(plain: dict[str, Any], pickled: bytes | None) -> None:
    lost = plain.pop("lost", 0)
    record = record_of((plain, pickled))
    logger = logging.getLogger(record.name)
    if lost:
        logger.warning("%d log records of process %s were lost: its parent did not take them", lost, record.processName)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def sender() -> LogSender:
    """What a child gets that is about to be started; `ended` is to be called for it.  Starts the thread."""
    if _state.sender is not None:  # to this process's own parent, directly
        return _sender_to(_state.sender.queue)
    with _state.guard:
        receiver = _state.receiver
        if receiver is None:
            receiver = _state.receiver = _Receiver()
            receiver.thread.start()
        receiver.children += 1
    return _sender_to(receiver.queue)


def _sender_to(queue: _kernel.Queue[Any]) -> LogSender:
    return LogSender(queue, _levels(), logging.root.manager.disable, forwards())


def _levels() -> dict[str, int]:
    named = logging.Logger.manager.loggerDict.items()
    levels = {name: item.level for name, item in named if isinstance(item, logging.Logger) and item.level}
    levels.pop(NAME, None)  # it has a setup of its own
    return {"": logging.getLogger().level, **levels}


def ended(pid: int | None) -> None:
    """A child has ended, or was not started.  Blocks until its records were handled; for some seconds at the most."""
    with _state.guard:
        receiver = _state.receiver
        if receiver is None:
            return
        receiver.children -= 1
        last = receiver.children == 0
        if last:
            _state.receiver = None
    receiver.await_handled(pid, last=last)


_state = _State()
_forks.forget_in_child(_state.forget)
