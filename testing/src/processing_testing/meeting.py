"""A place where a test meets processes, whatever started them: a socket with a name.

It stands in for the connections, queues and events under test, which a test of `Process` cannot use yet.
"""

from __future__ import annotations

import json
import select
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Guest:
    """A process that came to a `Meeting`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("r", encoding="utf-8")

    def hear(self) -> Any:
        """What it says next; blocks.

        :raises EOFError: if it has gone, or died.
        """
        line = self._lines.readline()
        if not line:
            raise EOFError("the process is gone")
        return json.loads(line)

    def dismiss(self) -> None:
        """Let it go on, if it waits in `Visit.stay`; what it says can still be heard."""
        self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Hear no more."""
        self._lines.close()
        self._connection.close()


class Meeting:
    """The test's side."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._guests: list[Guest] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen(256)

    def welcome(self) -> Guest:
        """The next process that comes; blocks."""
        guest = Guest(self._listener.accept()[0])
        self._guests.append(guest)
        return guest

    def hear(self) -> Any:
        """What the next process that comes says first; blocks."""
        return self.welcome().hear()

    def is_anybody_there(self) -> bool:
        """Whether somebody waits to be welcomed."""
        return bool(select.select([self._listener], [], [], 0)[0])

    def close(self) -> None:
        """Dismiss everybody."""
        self._listener.close()
        for guest in self._guests:
            guest.close()


@contextmanager
def meeting() -> Iterator[Meeting]:
    """A meeting that ends with the body."""
    # A socket's name is short, so pytest's folder will not do.
    folder = tempfile.mkdtemp(prefix="meet-")
    place = Meeting(f"{folder}/s")
    try:
        yield place
    finally:
        place.close()
        shutil.rmtree(folder)


class Visit:
    """The process's side.

    :param address: the meeting's.
    """

    def __init__(self, address: str) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(address)

    def say(self, message: Any) -> None:
        """Tell the test something that JSON can carry."""
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def stay(self) -> None:
        """Wait until the test dismisses us, or ends; blocks."""
        self._connection.recv(1)

    def leave(self) -> None:
        """Go."""
        self._connection.close()
