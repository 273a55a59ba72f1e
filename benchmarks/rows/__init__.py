"""The rows, a module for each subject. To add one: a module with ``ROWS``, and its name here."""

from __future__ import annotations

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
    "making",
    "pool_map",
    "pool_scaling",
    "pool_apply",
    "pool_arrays",
    "manager",
    "start_join",
    "import_time",
]

ROWS: dict[str, Row] = {
    row.name: row for subject in SUBJECTS for row in import_module(f"benchmarks.rows.{subject}").ROWS
}
