"""The display: a thread that looks at the jobs which are shown, ten times a second, and ends with the last of them.

The jobs do not know it, and count nothing for it that they would not count without: so a job that is shown costs what
any other costs.  A job only calls the function that `begin` returned, once, when it has left its table; a finalizer may
do so, and it does not block.

A thread that waits for its job needs no other one until there is something to see: it calls `start_thread` after
`INTERVAL`, and where the job is over by then, `flush` draws it in the thread that calls.  A switch between two threads
beside busy workers takes about as long as 10,000 empty tasks.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue

from processing_core.annotations import Any
from processing_core.lowlevel import BinarySemaphore, DaemonThread, ThreadRLock, at_exit, can_write, set_idle
from processing_pool._progress.counts import Counted, Counts
from processing_pool._progress.styles import Style, chosen_style

__all__ = ["INTERVAL", "begin", "flush", "start_thread"]

INTERVAL = 0.1
"""Seconds between two looks."""
LONGEST_FLUSH = 2.0
"""Seconds: a stream that takes nothing for so long keeps no thread waiting."""


class _Shown:
    """A job that is shown."""

    def __init__(self, job: Counted, label: str) -> None:
        self.job: Counted | None = job
        self.label = label
        self.line: Any = None
        self.began = time.monotonic()
        self.last: Counts = job.counts()

    def look(self) -> bool:
        """Count; whether the job is over."""
        job = self.job
        if job is not None:
            self.last = job.counts()
        return job is None

    def end(self) -> None:
        """The job is over, and not kept any longer.  Does not block."""
        job = self.job
        if job is not None:
            self.last = job.counts()
            self.job = None


class _Display:
    """Shows the jobs of a process.

    There is a style as long as something is shown.  The display's thread uses it if there is one, else the thread that
    holds the guard.
    """

    def __init__(self) -> None:
        self._guard = ThreadRLock()
        self._shown: dict[_Shown, None] = {}  # in the order of their beginning
        self._style: Style | None = None
        self._thread: threading.Thread | None = None
        # What wakes the thread: a put is safe in signal handlers and finalizers. A semaphore is released after the next
        # look.
        self._wakes: SimpleQueue[BinarySemaphore | None] = SimpleQueue()
        self._forget_exit: Callable[[], object] = bool

    def begin(self, job: Counted, label: str, style: Callable[[], Style | None]) -> Callable[[], None] | None:
        """Show a job, from the next `start_thread` or `flush` on.

        :return: what is to be called when it is over; ``None`` if nothing is shown.
        """
        with self._guard:
            if self._style is None:
                self._style = style()
                if self._style is None:
                    return None
                self._forget_exit = at_exit(self.flush, priority=10)
            self._shown[shown := _Shown(job, label)] = None
        return partial(self._end, shown)

    def start_thread(self) -> None:
        """Show from now on how far the jobs are.  Does not block."""
        with self._guard:
            if self._thread is None and self._style is not None:
                self._thread = DaemonThread(self._run, name="processing progress")
                self._thread.start()

    def _end(self, shown: _Shown) -> None:
        shown.end()
        if self._thread is not None:
            self._wakes.put(None)

    def flush(self) -> None:
        """Wait until the jobs that are over by now are shown so.  Blocks for 2 s at the most."""
        if not self._draw_here():
            self.start_thread()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            drawn = BinarySemaphore()
            self._wakes.put(drawn)
            deadline = time.monotonic() + LONGEST_FLUSH
            while not drawn.acquire(True, INTERVAL) and self._thread is thread and time.monotonic() < deadline:
                pass

    def _draw_here(self) -> bool:
        """Show all in this thread, unless another one does, or it might block; return whether all is shown."""
        with self._guard:
            style = self._style
            if style is None:
                return True
            if self._thread is not None or not can_write(style.file, unknown=False):
                return False
            self._look(style)
            return True

    def _run(self) -> None:
        set_idle(True)
        drawn: list[BinarySemaphore] = []
        while (style := self._style_or_end()) is not None:
            # A thread that waited in a write at the program's end would hold the lock of a stream that CPython flushes.
            if not can_write(style.file, unknown=True):  # a closed stream fails, and ends this
                self._await_wake(drawn)
            elif self._look(style):
                _release_all(drawn)
                self._await_wake(drawn)
        _release_all(drawn)

    def _style_or_end(self) -> Style | None:
        """What the thread is to use; if there is none, it ends, and the next job has another thread."""
        with self._guard:
            if self._style is None:
                self._thread = None
            return self._style

    def _leave(self, style: Style) -> None:
        with self._guard:
            if self._style is style:  # else there is another one by now
                self._shown.clear()
                self._style = None
                self._forget_exit()

    def _await_wake(self, drawn: list[BinarySemaphore]) -> None:
        try:
            wake = self._wakes.get(timeout=INTERVAL)
            while True:
                if wake is not None:
                    drawn.append(wake)
                wake = self._wakes.get_nowait()
        except Empty:
            pass

    def _look(self, style: Style) -> bool:
        """Show all; whether any is left.  What fails here does not concern the jobs, which go on unseen."""
        try:
            self._show_all(style)
            with self._guard:
                if not self._shown:
                    style.close()
                    self._leave(style)  # the next job chooses another
                    return False
                return True
        except (OSError, ValueError):
            pass  # the stream is closed, or no process reads it
        except Exception:
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
        self._leave(style)
        return False

    def _show_all(self, style: Style) -> None:
        for shown in list(self._shown):
            if shown.line is None:
                shown.line = style.begin(shown.label, shown.last, shown.began)
            over = shown.look()
            style.show(shown.line, shown.last, over=over)
            if over:
                self._shown.pop(shown, None)
        style.refresh()


def _release_all(semaphores: list[BinarySemaphore]) -> None:
    while semaphores:
        semaphores.pop().release()


_displays: dict[int, _Display] = {}  # of this process; a forked child has its own


def _display() -> _Display:
    found = _displays.get(os.getpid())
    if found is None:
        _displays.clear()
        found = _displays.setdefault(os.getpid(), _Display())
    return found


def begin(job: Counted, label: str, style: Callable[[], Style | None] = chosen_style) -> Callable[[], None] | None:
    """Show how far a job is, from the next `start_thread` or `flush` on, until it is over.  Does not block.

    :return: what is to be called when it is over; ``None`` if nothing is shown.
    """
    return _display().begin(job, label, style)


def start_thread() -> None:
    """Show from now on, in a thread, how far the jobs are.  Does not block."""
    _display().start_thread()


def flush() -> None:
    """Wait until the jobs that are over by now are shown so.  Blocks for 2 s at the most."""
    _display().flush()
