"""`prefix_output=` and `forward_logs=`: what workers print and log."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from processing_core import BaseContext
from processing_pool import Pool
from processing_testing.children import logs

PROGRAM = """
import sys, processing_core
from processing_pool import Pool
from processing_testing.children import logs
if __name__ == "__main__":
    with Pool(2, context=processing_core.get_context(sys.argv[1]), prefix_output=True) as pool:
        pool.map(logs.print_lines, range(4), 1)
        pool.close()
        pool.join()
"""


def test_lines_have_names_and_are_whole(method: str) -> None:
    command = [sys.executable, "-c", PROGRAM, method]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50)
    out = [line.partition("] ") for line in result.stdout.splitlines()]
    assert all(name.startswith("[") and "PoolWorker-" in name for name, *_ in out)
    bodies = [body for *_, body in out]
    whole = [body.removeprefix("no end") for body in bodies]
    assert sorted(filter(None, whole)) == sorted([f"out {n}" for n in range(4)] + [str(n) * 10_000 for n in range(4)])
    assert sum(body.startswith("no end") for body in bodies) == 4
    assert sorted(line.partition("] ")[2] for line in result.stderr.splitlines()) == [f"err {n}" for n in range(4)]


def test_logs_come_home(context: BaseContext, caplog: pytest.LogCaptureFixture) -> None:
    with Pool(2, context=context, forward_logs=True) as pool:
        pool.starmap(logs.log, [("w", logging.WARNING, "item %d", n) for n in range(6)])
        pool.close()
        pool.join()
    assert sorted(record.getMessage() for record in caplog.records) == [f"item {n}" for n in range(6)]
    assert all("PoolWorker-" in str(record.processName) for record in caplog.records)
