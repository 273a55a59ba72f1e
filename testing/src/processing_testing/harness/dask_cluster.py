"""A Dask cluster of command-line processes on 127.0.0.1, without a dashboard."""

from __future__ import annotations

import copyreg
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from processing_core.annotations import Self

QUIET = {
    "DASK_LOGGING__DISTRIBUTED": "critical",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
}


def import_engine() -> None:
    """Import Dask without the reducers of exceptions that it registers, which other tests' children would inherit."""
    reducers = dict(copyreg.dispatch_table)
    import distributed  # noqa: F401

    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(reducers)


class DaskCluster:
    """A scheduler and its workers, each with one thread, killed at the end of a ``with`` block.

    :param workers: how many there are at first.
    :param tls: certificate files, by ``ca``, ``cert`` and ``key``.
    :param host: where the scheduler listens.
    :param there: a command that runs the workers on another machine, and their address there.
    """

    def __init__(
        self,
        workers: int = 2,
        tls: dict[str, str] | None = None,
        host: str = "127.0.0.1",
        there: tuple[list[str], str] | None = None,
    ) -> None:
        self._count = workers
        self._host = host
        self._there = there or ([], host)
        self._tls = [] if tls is None else [f"--tls-{'ca-file' if kind == 'ca' else kind}={tls[kind]}" for kind in tls]
        self._scheme = "tcp" if tls is None else "tls"
        self.scheduler: subprocess.Popen[Any]
        self.workers: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Self:
        import_engine()
        self._folder = tempfile.TemporaryDirectory(prefix="processing-dask-")
        folder = Path(self._folder.name)
        self._file = folder / "scheduler.json"
        self.scheduler = self._start([], "dask_scheduler", self._host, "--port", "0")
        self._wait(self._is_up)
        for _ in range(self._count):
            self.add_worker()
        return self

    def _is_up(self) -> bool:
        try:
            self.address: str = json.loads(self._file.read_text())["address"]
        except (FileNotFoundError, json.JSONDecodeError):  # it is being written
            return False
        return True

    def add_worker(self) -> subprocess.Popen[Any]:
        """Start a further worker; it joins soon."""
        # It is its own nanny, so that its death is nothing but a death.
        options = ["--no-nanny", "--nthreads=1", f"--local-directory={self._folder.name}"]
        prefix, host = self._there
        self.workers.append(self._start(prefix, "dask_worker", host, *options))
        return self.workers[-1]

    def _start(self, prefix: list[str], program: str, host: str, *options: str) -> subprocess.Popen[Any]:
        common = ["--no-dashboard", f"--protocol={self._scheme}", f"--host={host}", f"--scheduler-file={self._file}"]
        command = [*prefix, sys.executable, "-m", f"distributed.cli.{program}", *common, *self._tls, *options]
        environment = {**os.environ, **QUIET}
        with open(Path(self._folder.name) / "log", "ab") as log:
            return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self) -> str:
        """What its processes have written."""
        return (Path(self._folder.name) / "log").read_text(errors="replace")

    def _wait(self, is_done: Any) -> None:
        deadline = time.monotonic() + 50
        while not is_done():
            assert time.monotonic() < deadline and self.scheduler.poll() is None, self.log()
            time.sleep(0.01)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()
        self._folder.cleanup()
