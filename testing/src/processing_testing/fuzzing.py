"""Malformed and truncated bytes, for whoever listens.

A case begins as what a good client says, up to some point of the talk, and is then spoilt.  It is told by its number
alone, so that a failing one can be repeated.
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
from processing_testing import connections, encryption

_CROWD = 100  # connections that are left open, more than a listener's lobby holds
_SIZES = [0, 1, 255, 256, 257, 0xFFFF, 0x7FFFFFFF, -1, -2, -(1 << 31)]


class Fuzzer:
    """Talks to a listener.

    :param address: the listener's.
    :param key: the key, which some cases show, so that what comes later is spoilt too.
    :param after: says, for a case, what is sent by one who was accepted.
    """

    def __init__(self, address: Any, key: bytes, after: Callable[[random.Random], bytes]) -> None:
        self._address, self._key, self._after = address, key, after
        self._open: deque[socket.socket] = deque()

    def attack(self, number: int) -> None:
        """Try one case."""
        chance = random.Random(number)
        stream = connections.connect(self._address)
        stream.settimeout(30)
        with suppress(ConnectionError, EOFError):  # it is refused at some point, as it should be
            self._talk(stream, chance)
        if stream.family != socket.AF_UNIX:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leave no port behind
        self._open.append(stream)
        while len(self._open) > (_CROWD if chance.random() < 0.9 else 0):
            self._open.popleft().close()

    def close(self) -> None:
        """Hang up."""
        while self._open:
            self._open.popleft().close()

    def _talk(self, stream: socket.socket, chance: random.Random) -> None:
        steps = chance.choice([0, 1, 1, 1, 2, 2, 3, 3])
        if steps > 0:
            stream.sendall(_spoilt_if(steps == 1, self._answer(_receive(stream)), chance))
        if steps > 1:
            _receive(stream)  # that we are welcome
            stream.sendall(_spoilt_if(steps == 2, connections.frame(b"#CHALLENGE#{sha256}" + bytes(40)), chance))
        if steps > 2:
            _receive(stream)
            stream.sendall(connections.frame(b"#WELCOME#") + self._after(chance))
        if steps == 0:
            stream.sendall(chance.randbytes(chance.choice([0, 1, 3, 4, 5, 30, 300, 3000])))
        _perhaps_end(stream, chance)

    def _answer(self, challenge: bytes) -> bytes:
        message = challenge.removeprefix(b"#CHALLENGE#")
        return connections.frame(b"{sha256}" + hmac.digest(self._key, message, "sha256"))


class HelloFuzzer(Fuzzer):
    """Talks to a listener that wants TLS."""

    def _talk(self, stream: socket.socket, chance: random.Random) -> None:
        stream.sendall(spoilt(encryption.hello(), chance))
        _perhaps_end(stream, chance)


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """The same, with some fault."""
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
    """A process that serves, as its attacker sees it.

    :param address: where it listens.
    :param pid: its process's id.
    """

    def __init__(self, address: Any, pid: int) -> None:
        self.address, self._pid = address, pid

    def memory(self) -> int:
        """The most memory that it had at once, in bytes."""
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the process has none")


@contextmanager
def attacking(
    serve: Callable[..., None], key: bytes, family: str, tls: bool, fuzzer: Callable[[Any], Fuzzer]
) -> Iterator[tuple[Target, Fuzzer]]:
    """A process that serves, and one who talks to it; in the end nothing is left in it of who has talked."""
    ours, theirs = Pipe()
    server = processing_core.get_context("forkserver").Process(
        target=serve, args=(theirs, key, family, tls), daemon=True
    )
    server.start()
    address = ours.recv()
    talker = fuzzer(address)
    try:
        yield Target(address, server.pid or 0), talker
        talker.close()
        ours.send("end")
        left, failures = ours.recv()
        server.join()
        assert server.exitcode == 0
        assert not failures, "threads ended with errors"
        assert left <= 0, "descriptors are left"
    finally:
        talker.close()
        server.terminate()
        server.join()


def growth(target: Target, fuzzer: Fuzzer, count: int, befriend: Callable[[], object]) -> int:
    """Attack so often; now and then, and in the end, a friend must be served as ever.

    :return: bytes that the target had more at its peak than after the first cases.
    """
    peak = 0
    for number in range(count):
        fuzzer.attack(number)
        if number % 50 == 49:
            befriend()
            peak = peak or target.memory()
    befriend()
    return target.memory() - peak


def serve_listener(telling: Connection, key: bytes, family: str, tls: bool) -> None:
    """Send back what those who know the key send, until told to end; in the end, tell what is left."""
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
    """What threads of this process will have ended with: a list that they append to."""
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
        with suppress(OSError):  # we were hung up on
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
