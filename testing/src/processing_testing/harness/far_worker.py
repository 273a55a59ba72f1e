"""A backend whose one worker is a process that has nothing of the program: no module, no directory, no main module."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from processing_core.annotations import Self

WORKER = """
import os, pickle, sys
os.chdir("/")
from processing_pool.backends import run
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
while True:
    try:
        task = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    pickle.dump(run(task), answers)
    answers.flush()
"""


class FarWorker:
    """As `Backend`; a context manager."""

    workers = 1

    def __enter__(self) -> Self:
        command = [sys.executable, "-P", "-c", WORKER]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=os.sep)
        self._thread = ThreadPoolExecutor(1)
        return self

    def submit(self, task: bytes, /) -> Future[bytes]:
        """Send a task to the process."""
        return self._thread.submit(self._exchange, task)

    def _exchange(self, task: bytes) -> bytes:
        assert self._process.stdin is not None and self._process.stdout is not None
        pickle.dump(task, self._process.stdin)
        self._process.stdin.flush()
        outcome: bytes = pickle.load(self._process.stdout)
        return outcome

    def close(self) -> None:
        """Do nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        self._process.communicate()
