"""A Ray cluster on 127.0.0.1, without a dashboard, which clients reach by ``ray://``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from types import TracebackType

from processing_core.annotations import Self

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "100",
    "RAY_AUTH_MODE": "disabled",  # else a node leaves a token in the user's home, which the next cluster demands
}


class _Node:
    """A node, with its processes in a session of its own."""

    def __init__(self, folder: str, *options: str) -> None:
        self._log = os.path.join(folder, f"log-{os.urandom(4).hex()}")
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        command += ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000", *options]
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **SETTINGS},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill it: all of its processes, some of which are in groups of their own."""
        for pid in _pids_of_session(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """End it, which ends its processes; kill it if that takes more than 30 s."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self) -> str:
        """What it has written."""
        with open(self._log, errors="replace") as log:
            return log.read()


def _pids_of_session(session: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(ProcessLookupError):
                if os.getsid(int(name)) == session:
                    found.append(int(name))
    return found


class RayServer:
    """A head node, ended at the end of a ``with`` block, as are those that were added.

    :param processors: how many tasks it runs at once.
    """

    def __init__(self, processors: int = 2) -> None:
        self._processors = processors

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
        ports = free_ports(2)
        self._port = ports[0]
        self.address = f"ray://127.0.0.1:{ports[1]}"
        options = ["--head", f"--port={ports[0]}", f"--ray-client-server-port={ports[1]}", "--include-dashboard=false"]
        options += [f"--num-cpus={self._processors}", f"--temp-dir={self._folder.name}"]
        self._head = _Node(self._folder.name, *options)
        self._nodes = [self._head]
        self._await_listener(ports[1])
        return self

    def add_node(self) -> _Node:
        """A further node of one processor, which joins soon."""
        self._nodes.append(_Node(self._folder.name, f"--address=127.0.0.1:{self._port}", "--num-cpus=1"))
        return self._nodes[-1]

    def _await_listener(self, port: int) -> None:
        deadline = time.monotonic() + 100
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline and self._head.process.poll() is None, self._head.log()
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill the head node: all of its processes."""
        self._head.kill()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in reversed(self._nodes):
            node.end()
        self._folder.cleanup()


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
