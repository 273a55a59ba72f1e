"""The rows, a module for each subject. To add one: a module with ``ROWS``, and its name here."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.comparison import Row

SUBJECTS = [
    "queue_stream",
    "queue_crowd",
    "ping_pong",
    "pipe_stream",
    "lock",
    "value",
    "shared_memory",
    "waking",
    "event_loop",
    "making",
    "pool_map",
    "pool_scaling",
    "pool_apply",
    "pool_arrays",
    "clusters",
    "observed",
    "ecosystem",
    "threads",
    "manager",
    "start_join",
    "spawned",
    "short_program",
    "import_time",
    "latencies",
    "memory",
]

if sys.platform == "win32":
    SUBJECTS = ["spawned"]  # in the others some side needs fork

ROWS: dict[str, Row]
"""The rows' names by subject. A subject is imported when it is used: a count of instructions needs only one."""


def subject_of(name: str) -> str:
    """The module that has a row."""
    return next(subject for subject in SUBJECTS if any(row.name == name for row in _rows(subject)))


def _rows(subject: str) -> list[Row]:
    rows: list[Row] = import_module(f"benchmarks.rows.{subject}").ROWS
    return rows


def __getattr__(name: str) -> object:
    if name != "ROWS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    rows = globals()["ROWS"] = {row.name: row for subject in SUBJECTS for row in _rows(subject)}
    return rows
