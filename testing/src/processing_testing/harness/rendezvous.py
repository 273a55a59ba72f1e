"""A socket with a name, where a test receives messages from processes, whatever started them.

It replaces the connections, queues and events under test, which a test of `Process` cannot use yet.
"""

from __future__ import annotations

import json
import select
import shutil
import socket
import tempfile
from typing import Any

from processing_core.annotations import Self


class MessageSocket:
    """One end of a connection, over which a test and a process send each other what JSON can carry."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lines = end.makefile("r", encoding="utf-8")

    def send(self, message: Any) -> None:
        """Send a message to the other end."""
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> Any:
        """The next message of the other end; blocks.

        :raises EOFError: if the other end is closed, or its process is dead.
        """
        line = self._lines.readline()
        if not line:
            raise EOFError("the other end is closed")
        return json.loads(line)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end."""
        self._lines.close()
        self._socket.close()


class Peer(MessageSocket):
    """A process that connected to a `Rendezvous`, seen from the test."""

    def release(self) -> None:
        """End the process's `RendezvousClient.wait_for_release`; the test can still receive what the process sent."""
        self._socket.shutdown(socket.SHUT_WR)


class Rendezvous:
    """The test's side: it listens, and closes all connections at the end of a ``with`` block."""

    def __init__(self) -> None:
        # A socket's name is short, so pytest's folder is too long.
        self._folder = tempfile.mkdtemp(prefix="rendezvous-")
        self._peers: list[Peer] = []
        self._listener = socket.socket(getattr(socket, "AF_UNIX", socket.AF_INET))
        self._listener.bind(f"{self._folder}/s" if hasattr(socket, "AF_UNIX") else ("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._listener.listen(256)

    def accept(self) -> Peer:
        """The next process that connects; blocks."""
        peer = Peer(self._listener.accept()[0])
        self._peers.append(peer)
        return peer

    def receive(self) -> Any:
        """The first message of the next process that connects; blocks."""
        return self.accept().receive()

    def has_pending(self) -> bool:
        """Whether a process has connected that was not accepted yet."""
        return bool(select.select([self._listener], [], [], 0)[0])

    def close(self) -> None:
        """Close the connections, which releases every process that waits, and unlink the socket's name."""
        self._listener.close()
        for peer in self._peers:
            peer.close()
        shutil.rmtree(self._folder, ignore_errors=True)  # a test may close it before its fixture does

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RendezvousClient(MessageSocket):
    """The process's side.

    :param address: that of the `Rendezvous`.
    """

    def __init__(self, address: Any) -> None:
        connection = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        connection.connect(address)
        super().__init__(connection)

    def wait_for_release(self) -> None:
        """Wait until the test releases this process, or closes the connection; blocks."""
        self._socket.recv(1)
