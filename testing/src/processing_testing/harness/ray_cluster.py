"""A Ray cluster of one node on 127.0.0.1, without a dashboard, which clients reach by ``ray://``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from types import TracebackType

from processing_core.annotations import Self

SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "100"}


class RayServer:
    """A head node of two processors, ended at the end of a ``with`` block."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
        ports = free_ports(2)
        self.address = f"ray://127.0.0.1:{ports[1]}"
        options = [f"--port={ports[0]}", f"--ray-client-server-port={ports[1]}", "--include-dashboard=false"]
        options += ["--num-cpus=2", "--object-store-memory=100000000", f"--temp-dir={self._folder.name}"]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"]
        with open(os.path.join(self._folder.name, "log"), "ab") as log:
            self._head = subprocess.Popen(
                [*command, "--node-ip-address=127.0.0.1", *options],
                env={**os.environ, **SETTINGS},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._await_listener(ports[1])
        return self

    def _await_listener(self, port: int) -> None:
        deadline = time.monotonic() + 100
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline and self._head.poll() is None, self.log()
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill the node: all of its processes."""
        os.killpg(self._head.pid, signal.SIGKILL)
        self._head.wait()

    def log(self) -> str:
        """What the node has written."""
        with open(os.path.join(self._folder.name, "log"), errors="replace") as log:
            return log.read()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._head.poll() is None:
            self._head.terminate()  # it ends the node's processes
            try:
                self._head.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        self._folder.cleanup()


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
