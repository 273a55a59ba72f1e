"""The display: a thread that looks at the jobs which are shown, ten times a second, and ends with the last of them.

The jobs do not know it, and count nothing for it that they would not count without: so a job that is shown costs what
any other costs.  A job only calls the function that `begin` returned, once, when it has left its table; a finalizer may
do so, and it does not block.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue

from processing_core.annotations import Any
from processing_core.lowlevel import at_exit, set_idle
from processing_pool._progress.counts import Counted, Counts
from processing_pool._progress.styles import Style, chosen_style

__all__ = ["begin", "flush"]

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
    def __init__(self) -> None:
        self._guard = threading.RLock()  # guards that there is a thread as long as something is shown
        self._shown: list[_Shown] = []
        self._thread: threading.Thread | None = None
        # What wakes the thread: a put is safe in signal handlers and finalizers. An event is set after the next look.
        self._wakes: SimpleQueue[threading.Event | None] = SimpleQueue()
        self._forget_exit: Callable[[], object] = bool

    def begin(self, job: Counted, label: str, style: Callable[[], Style | None]) -> Callable[[], None] | None:
        """Show a job.

        :return: what is to be called when it is over; ``None`` if nothing is shown.
        """
        with self._guard:
            if self._thread is None:
                chosen = style()
                if chosen is None:
                    return None
                self._forget_exit = at_exit(self.flush, priority=10)
                self._thread = threading.Thread(
                    target=self._run, args=(chosen,), name="processing progress", daemon=True
                )
                self._shown.append(shown := _Shown(job, label))
                self._thread.start()
            else:
                self._shown.append(shown := _Shown(job, label))
        return partial(self._end, shown)

    def _end(self, shown: _Shown) -> None:
        shown.end()
        self._wakes.put(None)

    def flush(self) -> None:
        """Wait until the jobs that are over by now are shown so.  Blocks for 2 s at the most."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            drawn = threading.Event()
            self._wakes.put(drawn)
            deadline = time.monotonic() + LONGEST_FLUSH
            while not drawn.wait(INTERVAL) and self._thread is thread and time.monotonic() < deadline:
                pass

    def _run(self, style: Style) -> None:
        set_idle(True)
        drawn: list[threading.Event] = []
        try:
            while self._look(style):
                _set_all(drawn)
                self._await_wake(drawn)
        except (OSError, ValueError):
            pass  # the stream is closed, or no process reads it: the jobs go on unseen
        finally:
            self._leave()
            _set_all(drawn)

    def _leave(self) -> None:
        with self._guard:
            if self._thread is threading.current_thread():  # else there is another one by now
                self._shown.clear()
                self._thread = None
                self._forget_exit()

    def _await_wake(self, drawn: list[threading.Event]) -> None:
        try:
            wake = self._wakes.get(timeout=INTERVAL)
            while True:
                if wake is not None:
                    drawn.append(wake)
                wake = self._wakes.get_nowait()
        except Empty:
            pass

    def _look(self, style: Style) -> bool:
        """Show all; whether any is left."""
        for shown in list(self._shown):
            if shown.line is None:
                shown.line = style.begin(shown.label, shown.last)
            over = shown.look()
            style.show(shown.line, shown.last, over=over)
            if over:
                self._shown.remove(shown)
        style.refresh()
        with self._guard:
            if self._shown:
                return True
            style.close()
            self._leave()  # the next job has another thread
            return False


def _set_all(events: list[threading.Event]) -> None:
    while events:
        events.pop().set()


_displays: dict[int, _Display] = {}  # of this process; a forked child has its own


def _display() -> _Display:
    found = _displays.get(os.getpid())
    if found is None:
        _displays.clear()
        found = _displays.setdefault(os.getpid(), _Display())
    return found


def begin(job: Counted, label: str, style: Callable[[], Style | None] = chosen_style) -> Callable[[], None] | None:
    """Show how far a job is, until it is over.  Does not block.

    :return: what is to be called when it is over; ``None`` if nothing is shown.
    """
    return _display().begin(job, label, style)


def flush() -> None:
    """Wait until the jobs that are over by now are shown so.  Blocks for 2 s at the most."""
    _display().flush()
