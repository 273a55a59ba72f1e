"""Malformed and truncated bytes, for any process that listens.

A case begins with what a correct client sends, up to some point of the exchange, and is then malformed.  It depends
only on its number, so a failing case can be repeated.
"""

from __future__ import annotations

import hmac
import os
import random
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import processing_core
from processing_queues import Connection, Listener, Pipe
from processing_testing.children import connections
from processing_testing.harness import encryption

_CROWD = 100  # connections that are left open, more than may be pending at a listener
_SIZES = [0, 1, 255, 256, 257, 0xFFFF, 0x7FFFFFFF, -1, -2, -(1 << 31)]


class Fuzzer:
    """Sends malformed bytes to a listener.

    :param address: the listener's.
    :param key: the key; some cases use it to pass the handshake, so that what follows is malformed too.
    :param after: the bytes that a case sends after the handshake.
    """

    def __init__(self, address: Any, key: bytes, after: Callable[[random.Random], bytes]) -> None:
        self._address, self._key, self._after = address, key, after
        self._open: deque[socket.socket] = deque()

    def attack(self, number: int) -> None:
        """Run one case."""
        chance = random.Random(number)
        stream = connections.connect(self._address)
        stream.settimeout(30)
        with suppress(ConnectionError, EOFError):  # it is refused at some point, as it should be
            self._exchange(stream, chance)
        if stream.family != socket.AF_UNIX:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # no port stays in TIME_WAIT
        self._open.append(stream)
        while len(self._open) > (_CROWD if chance.random() < 0.9 else 0):
            self._open.popleft().close()

    def close(self) -> None:
        """Close the connections that are still open."""
        while self._open:
            self._open.popleft().close()

    def _exchange(self, stream: socket.socket, chance: random.Random) -> None:
        steps = chance.choice([0, 1, 1, 1, 2, 2, 3, 3])
        nonce, hello = chance.randbytes(32), b""
        if steps > 0:
            hello = _receive(stream)
            stream.sendall(_spoilt_if(steps == 1, connections.frame(b"#PROCESSING1#client#" + nonce), chance))
        if steps > 1:
            stream.sendall(_spoilt_if(steps == 2, self._proof(nonce, hello), chance))
        if steps > 2:
            _receive(stream)
            stream.sendall(self._after(chance))
        if steps == 0:
            stream.sendall(chance.randbytes(chance.choice([0, 1, 3, 4, 5, 30, 300, 3000])))
        _perhaps_end(stream, chance)

    def _proof(self, nonce: bytes, hello: bytes) -> bytes:
        message = b"#PROCESSING1#client#" + nonce + hello.removeprefix(b"#PROCESSING1#listener#")
        return connections.frame(hmac.digest(self._key, message, "sha256"))


class HelloFuzzer(Fuzzer):
    """Sends malformed bytes to a listener that requires TLS."""

    def _exchange(self, stream: socket.socket, chance: random.Random) -> None:
        stream.sendall(spoilt(encryption.hello(), chance))
        _perhaps_end(stream, chance)


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """The same bytes with a fault."""
    here, there = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
    noise = chance.randbytes(chance.choice([1, 2, 4, 50, 2000]))
    fault = chance.randrange(7)
    if fault == 0:
        return data[:here]
    if fault == 1:
        return data[:here] + noise + data[here:]
    if fault == 2:
        return data[:here] + data[there:]
    if fault == 3:
        return data[:there] + data[here:]
    if fault == 4:
        return chance.choice(_SIZES).to_bytes(4, "big", signed=True) + data[4:]
    if fault == 5:
        return b"\xff\xff\xff\xff" + chance.choice([0, 256, 1 << 31, 1 << 62, (1 << 64) - 1]).to_bytes(8, "big") + data
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8])):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


class Target:
    """The process that is attacked.

    :param address: where it listens.
    :param pid: its process's id.
    """

    def __init__(self, address: Any, pid: int) -> None:
        self.address, self._pid = address, pid

    def memory(self) -> int:
        """The peak of its resident memory in bytes."""
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the process has no memory")


@contextmanager
def attacking(
    serve: Callable[..., None], key: bytes, family: str, tls: bool, fuzzer: Callable[[Any], Fuzzer]
) -> Iterator[tuple[Target, Fuzzer]]:
    """Start a process that serves, and a fuzzer; in the end the process must have no descriptor of a client left."""
    ours, theirs = Pipe()
    server = processing_core.get_context("forkserver").Process(
        target=serve, args=(theirs, key, family, tls), daemon=True
    )
    server.start()
    address = ours.recv()
    attacker = fuzzer(address)
    try:
        yield Target(address, server.pid or 0), attacker
        attacker.close()
        ours.send("end")
        left, failures = ours.recv()
        server.join()
        assert server.exitcode == 0
        assert not failures, "threads ended with errors"
        assert left <= 0, "descriptors are left"
    finally:
        attacker.close()
        server.terminate()
        server.join()


def growth(target: Target, fuzzer: Fuzzer, count: int, check_service: Callable[[], object]) -> int:
    """Run a number of cases; after every fiftieth, and at the end, check that the target still serves a good client.

    :return: by how many bytes the target's peak has grown since the first check.
    """
    peak = 0
    for number in range(count):
        fuzzer.attack(number)
        if number % 50 == 49:
            check_service()
            peak = peak or target.memory()
    check_service()
    return target.memory() - peak


def serve_listener(telling: Connection, key: bytes, family: str, tls: bool) -> None:
    """Echo messages of authenticated clients until a message asks to end; then report what is left."""
    context = encryption.server_context() if tls else None
    listener = Listener(family=family, backlog=200, authkey=key, on_wrong_key="log", ssl=context)
    failures = failures_of_threads()
    before = len(os.listdir("/proc/self/fd"))
    telling.send(listener.address)
    accepting = threading.Thread(target=_accept, args=(listener,))
    accepting.start()
    telling.recv()
    listener.close()
    accepting.join()
    telling.send((len(os.listdir("/proc/self/fd")) - before, failures))


def failures_of_threads() -> list[str]:
    """A list to which errors that end threads of this process are appended."""
    failures: list[str] = []
    threading.excepthook = lambda error: failures.append(repr(error.exc_value))
    return failures


def _accept(listener: Listener) -> None:
    helpers: list[threading.Thread] = []
    while True:
        try:
            connection = listener.accept()
        except OSError:
            break  # closed
        helpers = [helper for helper in helpers if helper.is_alive()]
        helpers.append(threading.Thread(target=_send_back, args=(connection,)))
        helpers[-1].start()
    for helper in helpers:
        helper.join()


def _send_back(connection: Connection) -> None:
    with connection, suppress(OSError, EOFError):
        while True:
            connection.send_bytes(connection.recv_bytes(1000))


def _perhaps_end(stream: socket.socket, chance: random.Random) -> None:
    if chance.random() < 0.5:
        with suppress(OSError):  # the listener has closed the connection
            stream.shutdown(socket.SHUT_WR)


def _receive(stream: socket.socket) -> bytes:
    size = int.from_bytes(_exactly(stream, 4), "big")
    return _exactly(stream, size)


def _exactly(stream: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _spoilt_if(now: bool, data: bytes, chance: random.Random) -> bytes:
    return spoilt(data, chance) if now else data
