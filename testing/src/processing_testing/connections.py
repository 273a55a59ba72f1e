"""What children do at their end of a connection.

Those that end when the other end is gone are given that too, to close it: after a fork they hold a copy.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

import processing_core
from processing_core import lowlevel
from processing_queues import Client, Connection, Pipe


def echo(connection: Connection, other: Connection) -> None:
    """Send every object back."""
    other.close()
    with suppress(EOFError), connection:
        while True:
            connection.send(connection.recv())


def echo_bytes(connection: Connection, other: Connection) -> None:
    """Send every message back."""
    other.close()
    with suppress(EOFError), connection:
        while True:
            connection.send_bytes(connection.recv_bytes())


def send_one_each(connections: list[Connection]) -> None:
    """Send each connection its number."""
    for number, connection in enumerate(connections):
        connection.send(number)


def send(connection: Connection, *objects: Any) -> None:
    """Send the objects, and end."""
    for obj in objects:
        connection.send(obj)


def describe(connection: Connection) -> None:
    """Tell what kind of connection came."""
    connection.send((type(connection).__name__, connection.readable, connection.writable, connection.closed))


def say_and_wait(connection: Connection) -> None:
    """Send the pid, and wait for the end."""
    connection.send(os.getpid())
    lowlevel.readable(connection.fileno(), None)


def die_amid(connection: Connection) -> None:
    """Announce a message of 100 bytes, send 10, and die."""
    os.write(connection.fileno(), (100).to_bytes(4, "big") + bytes(10))
    os.kill(os.getpid(), signal.SIGKILL)


def pass_on(connection: Connection, other: Connection, method: str) -> None:
    """Have a child of ours echo."""
    child = processing_core.get_context(method).Process(target=echo, args=(connection, other))
    child.start()
    connection.close()
    other.close()
    child.join()


class Echo(processing_core.Process):
    """A process that has a connection."""

    def __init__(self, method: str, *ends: Connection) -> None:
        super().__init__()
        self._start_method = method  # type: ignore[misc]
        self.ends = ends

    def run(self) -> None:
        """Send every object back."""
        echo(*self.ends)


def dial(address: Any, key: bytes | None, *objects: Any) -> None:
    """Connect to a listener, send the objects, and end."""
    with Client(address, authkey=key) as connection:
        send(connection, *objects)


def dial_with_own_key(address: Any) -> None:
    """Connect to a listener with the key that this process inherited."""
    with Client(address, authenticate=True) as connection:
        connection.send("family")


def answer_what_comes(source: Any, word: str) -> None:
    """Get a connection from a queue or a connection, and send a word through it."""
    with source.recv() if isinstance(source, Connection) else source.get() as connection:
        connection.send(word)


def send_an_end_away(target: Any) -> None:
    """Put one end of a pipe into a queue, or send it, and tell what comes through."""
    ours, theirs = Pipe()
    if isinstance(target, Connection):
        target.send(theirs)
    else:
        target.put(theirs)
    theirs.close()
    ours.send(ours.recv() * 2)


def send_an_end_and_die(target: Connection) -> None:
    """Send one end of a pipe, and die before anybody can fetch it."""
    target.send(Pipe()[1])
    os._exit(0)


def send_through(connection: Connection, word: str) -> Connection:
    """Send a word, and return the connection."""
    connection.send(word)
    return connection
