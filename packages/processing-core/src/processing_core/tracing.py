"""Traces: what every process did and waited for, and when.

Each process records into a file of its own, which it has mapped: what a killed process had recorded is there.  At the
end of the trace the process that began it merges the files into one that Perfetto (https://ui.perfetto.dev) and Chrome
open, and of which ``python -m processing timeline`` makes a page.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from processing_core import _forks
from processing_core._fds.descriptors import Descriptor, opened
from processing_core._native import _kernel
from processing_core._process_state import state as relatives
from processing_core._threads import ThreadRLock
from processing_core._trace_format import HEADER, MAGIC, TASK

__all__ = [
    "DIRECTORY",
    "TASK",
    "TRACE",
    "begin",
    "begin_member",
    "event",
    "is_on",
    "end",
    "end_of_process",
    "merge_parts",
    "name_function",
    "recorded",
]

DIRECTORY = "PROCESSING_TRACE_DIRECTORY"
"""The variable by which children find the directory of the files."""
TRACE = "PROCESSING_TRACE"
"""The variable by which a program asks for a trace: the path of the result."""

LARGEST = 1 << 28
"""Bytes of a file at the most; it takes as many as there are events."""
event: Callable[[int, int, int, int, int], None] = _kernel.trace_event
"""(kind, begin, end, a, b): record what took place between two times, if a trace is on."""


class _State:
    def __init__(self) -> None:
        self.file: Descriptor | None = None  # of the events, open as long as they are recorded
        self.texts: Descriptor | None = None  # of the names, a JSON value each line
        self.guard = ThreadRLock()  # guards them

    def forget(self) -> None:
        """In a fork: the files are the parent's."""
        self.__init__()  # type: ignore[misc]


_state = _State()
_forks.forget_in_child(_state.forget)


def begin(path: str) -> None:
    """Begin a trace in this process and those that it starts.

    :raises NotImplementedError: on Windows.
    """
    if sys.platform == "win32":
        raise NotImplementedError("a trace cannot be recorded on Windows")
    if DIRECTORY in os.environ:
        raise RuntimeError("a trace is being recorded already")
    from processing_core._trace_files import fresh_directory

    os.environ[DIRECTORY] = fresh_directory(os.path.abspath(path))
    begin_member()


def end(path: str) -> None:
    """End the trace, and write it."""
    directory = os.environ.pop(DIRECTORY, None)
    end_of_process()
    _end_member()
    if directory is not None:
        from processing_core._trace_files import merge

        merge(directory, path, remove=True)


def merge_parts(path: str) -> None:
    """Write a trace whose program was killed; nothing if it was written, or there are no parts."""
    from processing_core._trace_files import merge, parts_of

    if not os.path.exists(path) and os.path.isdir(parts_of(path)):
        merge(parts_of(path), path)


def begin_member() -> None:
    """In a process that was started while there is a trace: record, too."""
    directory = os.environ.get(DIRECTORY)
    if directory is None or _state.file is not None:
        return
    member = _kernel.member()
    stem = os.path.join(directory, f"{os.getpid()}-{0 if member is None else member[1]}")
    try:
        _open(stem)
    except OSError:  # the trace is over, or there is no room: this process is not in it
        _state.file = None


def _open(stem: str) -> None:
    file = opened(f"{stem}.events", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.ftruncate(file.fileno(), LARGEST)
    os.pwrite(file.fileno(), HEADER.pack(MAGIC, HEADER.size, 0, os.getpid(), time.monotonic_ns()), 0)
    _state.texts = opened(f"{stem}.names", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    parent = relatives.parent
    _write({"process": relatives.current.name, "parent": None if parent is None else parent[1]})
    _kernel.trace_start(file.fileno(), LARGEST)
    _state.file = file


def _end_member() -> None:
    _kernel.trace_stop()
    with _state.guard:
        for descriptor in (_state.file, _state.texts):
            if descriptor is not None:
                descriptor.close()
        _state.file, _state.texts = None, None


@contextmanager
def recorded() -> Iterator[None]:
    """Record this process, which was started, in the body."""
    begin_member()
    try:
        yield
    finally:
        end_of_process()


def end_of_process() -> None:
    """At the end of a process: say when it was, and what it has waited for."""
    if _state.file is not None:
        from processing_core._trace_files import wait_names

        _write({"waits": wait_names(_state.file.fileno())})
        _write({"ended": time.monotonic_ns()})


def _write(value: object) -> None:
    texts = _state.texts
    if texts is not None:
        os.write(texts.fileno(), json.dumps(value).encode() + b"\n")


def is_on() -> bool:
    """Whether this process records."""
    return _state.file is not None


def name_function(cell: int, name: str) -> None:
    """The name of the function that events of this process refer to by the cell of its parcel."""
    if is_on():
        _write({"name": name, "number": cell})
