"""The files of a trace: the parts that the processes write, and the one that they are merged into."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator

from processing_core._introspection.arena_reader import ArenaReader, OwnSource
from processing_core._introspection.collected import Cells
from processing_core._native import _kernel
from processing_core._trace_format import EVENT, HEADER, MAGIC, TASK, WAIT
from processing_core.annotations import Any, NamedTuple

__all__ = ["fresh_directory", "merge", "parts_of", "wait_names"]

PARTS = ".parts"


def parts_of(path: str) -> str:
    """Where the parts of a trace lie until they are merged."""
    return os.path.abspath(path) + PARTS


def fresh_directory(path: str) -> str:
    """An empty directory for the parts; those of a trace that was not merged are removed."""
    directory = parts_of(path)
    if os.path.isdir(directory):
        shutil.rmtree(directory)
    os.mkdir(directory, 0o700)
    return directory


class _Part(NamedTuple):
    """What one process has recorded."""

    pid: int
    began: int
    ended: int | None
    """When it said so at its end; ``None`` if it was killed, or runs."""
    name: str
    parent: int | None
    names: dict[int, str]
    waits: dict[str, str]
    events: list[tuple[int, ...]]
    lost: int


def merge(directory: str, path: str, *, remove: bool = False) -> int:
    """Write the trace of which the directory has the parts.

    :param remove: whether the parts are removed.
    :return: how many processes have recorded.
    """
    names = sorted(name for name in os.listdir(directory) if name.endswith(".events"))
    parts = [part for name in names if (part := _read(directory, name)) is not None]
    waits = {offset: name for part in parts for offset, name in part.waits.items()}
    first = min((part.began for part in parts), default=0)
    events = [event for part in parts for event in _events(part, first, waits)]
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="ascii") as file:
        json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)
    os.replace(temporary, path)
    if remove:
        shutil.rmtree(directory, ignore_errors=True)
    return len(parts)


def _read(directory: str, name: str) -> _Part | None:
    with open(os.path.join(directory, name), "rb") as file:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size:
            return None
        magic, used, lost, pid, began = HEADER.unpack(head)
        if magic != MAGIC:
            return None  # it was killed before it had begun
        body = file.read(used - HEADER.size)
    events = list(EVENT.iter_unpack(body[: len(body) // EVENT.size * EVENT.size]))
    said = _said(os.path.join(directory, name.removesuffix(".events") + ".names"))
    names = {line["number"]: line["name"] for line in said if "name" in line}
    unsaid: dict[str, Any] = {"process": f"process {pid}", "parent": None}
    who = next((line for line in said if "process" in line), unsaid)
    waits: dict[str, str] = next((line["waits"] for line in said if "waits" in line), {})
    ended = next((line["ended"] for line in said if "ended" in line), None)
    return _Part(pid, began, ended, who["process"], who["parent"], names, waits, events, lost)


def _said(path: str) -> list[dict[str, Any]]:
    """The lines of the file; the last may be half written."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")[:-1]
    except OSError:
        return []
    return [json.loads(line) for line in lines]


def wait_names(fd: int) -> dict[str, str]:
    """What this process, whose events the file has, has waited for, by the offset of the word."""
    head = HEADER.unpack(os.pread(fd, HEADER.size, 0))
    events = EVENT.iter_unpack(os.pread(fd, head[1] - HEADER.size, HEADER.size))
    offsets = {event[3] for event in events if event[0] == WAIT}
    if not offsets or _kernel.member() is None:
        return {}
    cells = Cells(ArenaReader(OwnSource()))
    return {str(offset): name for offset in offsets if (name := _wait_name(cells, offset))}


def _events(part: _Part, first: int, waits: dict[str, str]) -> Iterator[dict[str, Any]]:
    pid = part.pid
    end = part.ended or max([part.began, *(event[2] for event in part.events)])
    yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": part.name}}
    about = {"parent": part.parent, "ended": "by itself" if part.ended else "not said", "lost": part.lost}
    yield _span("process", part.name, pid, 0, part.began - first, end - part.began, about)
    for kind, begin, stop, a, b, thread in part.events:
        if kind == TASK:
            arguments = {"index": b & 0xFFFFFFFF, "items": b >> 32}
            yield _span("task", part.names.get(a, "a call"), pid, thread, begin - first, stop - begin, arguments)
        elif kind == WAIT:
            yield _span("wait", waits.get(str(a), "wait"), pid, thread, begin - first, stop - begin, {})


def _span(
    category: str, name: str, pid: int, tid: int, begin: int, ns: int, arguments: dict[str, Any]
) -> dict[str, Any]:
    times = {"ts": begin / 1000, "dur": max(0, ns) / 1000}
    return {"ph": "X", "cat": category, "name": name, "pid": pid, "tid": tid % (1 << 31), **times, "args": arguments}


def _wait_name(cells: Cells, offset: int) -> str | None:
    row = cells.at(offset)
    if row is None:
        return None
    fields = {at: name for name, at in cells.fields[row.kind].items()}
    event = {"not_empty": "get", "not_full": "put", "all_finished": "join"}.get(fields.get(offset - row.offset, ""), "")
    return f"{event or 'wait'} {row.kind} {row.number}"
