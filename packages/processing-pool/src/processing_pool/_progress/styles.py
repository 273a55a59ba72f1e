"""What a person sees: a bar of ``rich``, or plain lines."""

from __future__ import annotations

import importlib
import os
import sys
import time

from processing_core import parent_process
from processing_core.annotations import IO, Any, Protocol
from processing_core.lowlevel import loaded
from processing_pool._progress.counts import Counts

__all__ = ["PlainLines", "RichBars", "Style", "chosen_style"]

FIRST_LINE = 2.0
"""Seconds until the first plain line; each further one comes after twice the time."""
LONGEST_SILENCE = 60.0
"""Seconds between two plain lines, at the most."""
VARIABLE = "PROCESSING_PROGRESS"
"""The environment's choice: ``off``, ``plain`` or ``bar``, also where no person watches."""


class Style(Protocol):
    """Shows any number of jobs.  One thread at a time uses it."""

    @property
    def file(self) -> Any:
        """Where it writes."""

    def begin(self, label: str, counts: Counts, began: float) -> Any:
        """Show a further job, which began at that time of the monotonic clock; what is returned stands for it."""

    def show(self, line: Any, counts: Counts, *, over: bool) -> None:
        """Show how far it is."""

    def refresh(self) -> None:
        """All jobs were shown."""

    def close(self) -> None:
        """No job is left."""


def chosen_style() -> Style | None:
    """What the environment asks for, or suits the one who watches; ``None``: nothing is shown."""
    wish = os.environ.get(VARIABLE, "")
    if wish == "off" or sys.stderr is None:
        return None
    if wish == "plain":
        return PlainLines(sys.stderr)
    if wish == "bar" or (_is_watched(sys.stderr) and parent_process() is None):
        return _bars() or PlainLines(sys.stderr)
    return PlainLines(sys.stderr) if _is_watched(sys.stderr) else None


def _is_watched(file: Any) -> bool:
    try:
        return bool(file.isatty()) or _in_notebook()
    except (AttributeError, ValueError):
        return False


def _in_notebook() -> bool:
    ipython = loaded("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _bars() -> Style | None:
    """Bars, if there is what they need: ``rich``, which in a notebook shows nothing without ``ipywidgets``."""
    try:
        import rich.progress  # type: ignore[import-not-found, unused-ignore]  # noqa: F401

        if _in_notebook():
            importlib.import_module("ipywidgets")
    except ImportError:
        return None
    return RichBars()


class _Line:
    """A job that is shown by plain lines."""

    def __init__(self, label: str, began: float) -> None:
        self.label = label
        self.began = began
        self.pause = FIRST_LINE
        self.due = self.began + FIRST_LINE


class PlainLines:
    """One line now and then, and one at the end."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file

    def begin(self, label: str, counts: Counts, began: float) -> _Line:
        """Wait for the first line's time."""
        return _Line(label, began)

    def show(self, line: _Line, counts: Counts, *, over: bool) -> None:
        """Print a line if it is time."""
        now = time.monotonic()
        if over or now >= line.due:
            line.pause = min(2 * line.pause, LONGEST_SILENCE)
            line.due = now + line.pause
            self.file.write(f"{line.label}: {described(counts, now - line.began, over=over)}\n")

    def refresh(self) -> None:
        """Let the lines be seen."""
        self.file.flush()

    def close(self) -> None:
        """Nothing is left to do."""


def described(counts: Counts, seconds: float, *, over: bool) -> str:
    """How far a job is after some time, in words."""
    done, total, *_ = counts
    rate = done / max(seconds, 1e-9)
    parts = [f"{done:,} done" if total is None else f"{done:,} of {total:,} ({100 * done / max(1, total):.0f} %)"]
    parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2f}/s")
    if over:
        parts.append(f"in {seconds:.1f} s")
    elif total is not None and done:
        parts.append(f"{(total - done) / rate:,.0f} s left")
    return ", ".join(parts + troubles(counts))


def troubles(counts: Counts) -> list[str]:
    """The failures and retries, in words, if there are any."""
    named = (counts.failed, "failed"), (counts.retried, "retried")
    return [f"{number:,} {word}" for number, word in named if number]


class RichBars:
    """A bar for each job.  The program's streams stay what they are."""

    def __init__(self) -> None:
        from rich.console import Console  # type: ignore[import-not-found, unused-ignore]
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as TimeRemaining

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}")
        times = TimeElapsedColumn(), TimeRemaining(), TextColumn("[red]{task.fields[troubles]}")
        self.file = sys.stderr
        console = Console(stderr=True)
        kept_off: dict[str, Any] = {"redirect_stdout": False, "redirect_stderr": False}
        self._progress: Any = Progress(*columns, *times, console=console, auto_refresh=False, **kept_off)
        self._progress.start()

    def begin(self, label: str, counts: Counts, began: float) -> Any:
        """Add a bar."""
        added = self._progress.add_task(label, total=counts.total, rate="", troubles="")
        self._task(added).start_time -= time.monotonic() - began
        return added

    def show(self, line: Any, counts: Counts, *, over: bool) -> None:
        """Move the bar."""
        total = counts.done if over and counts.total is None else counts.total
        task = self._task(line)
        speed = task.speed or (counts.done / task.elapsed if over and task.elapsed else None)
        rate = "" if speed is None else f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.2f}/s"
        words = ", ".join(troubles(counts))
        self._progress.update(line, completed=counts.done, total=total, rate=rate, troubles=words)
        if over:
            self._progress.stop_task(line)

    def _task(self, line: Any) -> Any:
        return self._progress.tasks[self._progress.task_ids.index(line)]

    def refresh(self) -> None:
        """Draw the bars."""
        self._progress.refresh()

    def close(self) -> None:
        """Leave the bars as they are."""
        self._progress.stop()
