"""What child processes do at their end of a connection.

A function that ends when the other end is closed takes that end too, and closes it: a forked child holds a copy.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import processing_core
from processing_core import lowlevel
from processing_queues import Client, Connection, Pipe
from processing_queues._handshake_start import new_socket
from processing_queues._platform import read, write
from processing_testing.children import killing


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
    """Send the properties of the connection that this process received."""
    connection.send((type(connection).__name__, connection.readable, connection.writable, connection.closed))


def send_pid_and_wait(connection: Connection) -> None:
    """Send the pid, and wait until the other end is closed."""
    connection.send(os.getpid())
    lowlevel.readable(connection.fileno(), None)


def die_in_a_message(connection: Connection) -> None:
    """Send the length of a message, 100 bytes, and 10 of its bytes, and die."""
    socket.socket(fileno=connection.fileno()).send((100).to_bytes(4, "big") + bytes(10))
    killing.kill(os.getpid())


def pass_on(connection: Connection, other: Connection, method: str) -> None:
    """Run `echo` in a child of this process."""
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


def dial_with_wrong_key(address: Any, key: bytes) -> None:
    """Connect to a listener with a wrong key."""
    with suppress(processing_core.AuthenticationError):
        Client(address, authkey=key)
        os._exit(3)


def dial_with_own_key(address: Any) -> None:
    """Connect to a listener with the key that this process inherited."""
    with Client(address, authenticate=True) as connection:
        connection.send("family")


def answer_over_received(source: Any, word: str) -> None:
    """Get a connection from a queue or a connection, and send a word through it."""
    with source.recv() if isinstance(source, Connection) else source.get() as connection:
        connection.send(word)


def send_an_end_away(target: Any) -> None:
    """Put one end of a pipe into a queue, or send it; then receive a message at the other end, and send it doubled."""
    ours, theirs = Pipe()
    if isinstance(target, Connection):
        target.send(theirs)
    else:
        target.put(theirs)
    theirs.close()
    ours.send(ours.recv() * 2)


def send_an_end_and_die(target: Connection) -> None:
    """Send one end of a pipe, and die before the receiver can fetch the descriptor."""
    target.send(Pipe()[1])
    os._exit(0)


def send_through(connection: Connection, word: str) -> Connection:
    """Send a word, and return the connection."""
    connection.send(word)
    return connection


def send_pid_and_pause(connection: Connection) -> None:
    """Send the pid, and wait to be killed."""
    connection.send(os.getpid())
    signal.pause()


def leave_a_program(sender: Connection) -> None:
    """Start a program that inherits what can be inherited, and send its pid; it outlives this process."""
    devnull = subprocess.DEVNULL
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    program = subprocess.Popen(command, close_fds=False, stdin=devnull, stdout=devnull, stderr=devnull)
    program.returncode = 0  # so that nothing waits for it
    sender.send(program.pid)


def send_without_end(sender: Connection) -> None:
    """Send until it raises."""
    while True:
        sender.send_bytes(bytes(8000))


def receive_and_tell(receiver: Connection, answers: Connection, count: int) -> None:
    """Receive a number of objects, and send each on."""
    for _ in range(count):
        answers.send(receiver.recv())


def put_when_told(queue: Any, receiver: Connection) -> None:
    """Wait for an object, and put it into a queue."""
    queue.put(receiver.recv())


def write_to_received(connection: Connection) -> None:
    """Receive a descriptor or a socket, and write into it."""
    thing = connection.recv()
    write(thing.fileno(), (b"writ", b"ten"))


def write_into(descriptor: Any, _: object, data: bytes) -> None:
    """Write bytes into a descriptor that was an argument."""
    write(descriptor.fileno(), (data, b""))


def send_a_descriptor_and_die(connection: Connection) -> None:
    """Send a descriptor, and die before the receiver can fetch it."""
    connection.send(lowlevel.open_pipe()[0])
    os._exit(0)


def send_numbered(sender: Connection, me: int) -> None:
    """Send numbered messages of many lengths, until killed."""
    number = 0
    while True:
        sender.send((me, number, bytes([number % 251]) * (number % 20_000)))
        number += 1


def relay(receiver: Connection, telling: Connection) -> None:
    """Receive objects and send each on with the pid, until killed."""
    while True:
        telling.send((os.getpid(), *receiver.recv()))


def frame(message: bytes) -> bytes:
    """The bytes that a connection over a socket sends for a message."""
    return len(message).to_bytes(4, "big", signed=True) + message


def has_ipv6() -> bool:
    """Whether this machine can connect to itself by IPv6."""
    with socket.socket(socket.AF_INET6) as trial, suppress(OSError):
        trial.bind(("::1", 0))
        return True
    return False


class PipeStream:
    """The client's end of a named pipe, with what tests call of a socket."""

    def __init__(self, address: str) -> None:
        self._pipe = new_socket("AF_PIPE")
        self._pipe.connect(address)
        self.fileno, self.detach, self.close = self._pipe.fileno, self._pipe.detach, self._pipe.close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def sendall(self, data: bytes) -> None:
        """Write all; blocks."""
        while data:
            data = data[write(self.fileno(), (data, b"")) :]

    def recv(self, size: int) -> bytes:
        """Read what has come; blocks while that is nothing."""
        return read(self.fileno(), size)

    def shutdown(self, how: int) -> None:
        """Nothing: a pipe is not closed in one direction alone; the listener sees its end when it is closed."""


def connect(address: Any) -> Any:
    """A socket, or what is like one, that is connected to a listener, over which a test can send any bytes."""
    if isinstance(address, str) and address.startswith("\\\\"):
        return PipeStream(address)
    family = {2: socket.AF_INET, 4: socket.AF_INET6}[len(address)] if isinstance(address, tuple) else socket.AF_UNIX
    stream = socket.socket(family)
    stream.connect(address)
    return stream


@contextmanager
def dialling(function: Callable[..., object], *args: Any) -> Iterator[list[BaseException]]:
    """Call *function* in a thread during the body; afterwards the list contains the errors that it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            function(*args)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield raised
    finally:
        thread.join()
