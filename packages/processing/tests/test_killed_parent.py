"""Promise 7: two seconds after a program is killed, by ``kill -9`` or ``TerminateProcess``, nothing of it is left."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import processing
from processing.shared_memory import SharedMemory
from processing_core import lowlevel

PROGRAM = """\
import os, sys, time
import processing
from processing.managers import SyncManager
from processing.shared_memory import SharedMemory

def tell_and_spin(queue):
    queue.put(os.getpid())
    while True:
        pass

if __name__ == "__main__":
    processing.set_start_method(sys.argv[1])
    queue = processing.Queue()
    pool = processing.Pool(2)
    for _ in range(2):
        pool.apply_async(tell_and_spin, (queue,))
    processing.Process(target=tell_and_spin, args=(queue,), daemon=True).start()
    manager = SyncManager()
    manager.start()
    listed = manager.list([1])
    pids = {process.pid for process in processing.active_children()} | {queue.get() for _ in range(3)}
    memory = SharedMemory(create=True, size=100)
    print(memory.name, *pids, flush=True)
    time.sleep(600)
"""
CHILDREN = 4
"""Two workers, one process and the manager."""
SECONDS = 2


@contextmanager
def running(script: Path, method: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(script), method]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def exists(memory: str) -> bool:
    try:
        SharedMemory(memory).close()
    except FileNotFoundError:
        return False
    return True


@pytest.mark.parametrize("method", processing.get_all_start_methods())
def test_nothing_of_a_killed_program_is_left(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, temporary = tmp_path / "program.py", tmp_path / "temporary"
    script.write_text(PROGRAM)
    temporary.mkdir()
    for name in ("TMPDIR", "TMP", "TEMP"):
        monkeypatch.setenv(name, str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with running(script, method) as program:
        assert program.stdout is not None
        memory, *pids = program.stdout.readline().split()
        assert len(pids) == CHILDREN
        deaths = [lowlevel.open_pidfd(int(pid)) for pid in pids]
        program.kill()
        killed = time.monotonic()
        for death in deaths:
            left = killed + SECONDS - time.monotonic()
            assert lowlevel.readable(death.fileno(), max(left, 0.0))
    while (exists(memory) or any(temporary.iterdir())) and time.monotonic() < killed + SECONDS:
        time.sleep(0.01)  # a helper removes it when all processes are gone
    assert not any(temporary.iterdir())
    assert not exists(memory)
