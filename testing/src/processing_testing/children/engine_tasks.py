"""Functions and objects for the tasks of pools on backends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, NoReturn

from processing_pool import Pool, cluster
from processing_testing.children.tasks import square
from processing_testing.harness.rendezvous import RendezvousClient

EXECUTORS: dict[str, Executor] = {}
"""Those of this process, by name: a task of a thread finds them here."""

_initialized: dict[str, int] = {}


def initialize(token: str) -> None:
    """An initializer that counts its calls."""
    _initialized[token] = _initialized.get(token, 0) + 1


def initialized(token: str) -> int:
    """How often `initialize` was called here."""
    return _initialized.get(token, 0)


def fail(how: str) -> None:
    """:raises BaseException: always."""
    if how == "sys.exit":
        sys.exit(3)
    raise ValueError(how)


def throw(kind: type[BaseException]) -> NoReturn:
    """:raises BaseException: of this kind."""
    raise kind


def die_if_3(number: int) -> int:
    """Die if the number is 3."""
    if number == 3:
        os._exit(5)
    return number


def loop_if_odd(number: int) -> int:
    """Run for ever in Python code if the number is odd."""
    while number % 2:
        time.sleep(0.001)
    return number


def sum_of_squares(n: int) -> int:
    """The sum, by a pool inside this task, on the same executor."""
    with Pool(backend=EXECUTORS["shared"]) as pool:
        return sum(pool.map(square, range(n), 1))


class NotPickled:
    """An object whose pickling raises."""

    def __reduce__(self) -> Any:
        raise ValueError("not to be pickled")


class NotUnpickled:
    """An object whose unpickling raises, in a worker or at home."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> NoReturn:
    raise ValueError("not to be unpickled")


class Bad:
    """Asks a task for a bad result.

    :param how: what it gives.
    """

    def __init__(self, how: str) -> None:
        self.how = how

    def __repr__(self) -> str:
        return f"Bad({self.how!r})"


BAD = [NotPickled(), NotUnpickled(), *map(Bad, ["not pickled", "not unpickled", "error not pickled", "error odd"])]


class OddError(Exception):
    """An exception that cannot be unpickled, because its class takes other arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one)


def give(item: Any) -> Any:
    """The item, or what a `Bad` asks for."""
    if not isinstance(item, Bad):
        return item
    if item.how == "error not pickled":
        error = ValueError("it has")
        error.thing = NotPickled()  # type: ignore[attr-defined]
        raise error
    if item.how == "error odd":
        raise OddError(1, 2)
    return NotPickled() if item.how == "not pickled" else NotUnpickled()


def use(queue: Any, value: Any, lock: Any, event: Any) -> str:
    """Use shared objects of a cluster."""
    with lock:
        value.value = value.value + 1
    queue.put("begun")
    return "set" if event.wait(30) else "not set"


def increment(value: Any, lock: Any) -> None:
    """Add one, under the lock."""
    with lock:
        value.value = value.value + 1


def sum_on(address: str, n: int) -> int:
    """The sum of squares, by a pool on the cluster on which this task runs."""
    with cluster.connect(address, timeout=30) as machines, machines.Pool() as pool:
        return sum(pool.map(square, range(n), 1))


def report_pid_and_wait(address: str) -> int:
    """Report this process to the test, and wait for its release."""
    test = RendezvousClient(address)
    try:
        test.send(os.getpid())
        test.wait_for_release()
    finally:
        test.close()
    return os.getpid()


def host(_: object = None) -> str:
    """The addresses of this machine, but for the loopback."""
    command = ["ip", "-4", "-o", "addr", "show", "scope", "global"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return " ".join(line.split()[3] for line in shown.splitlines())


def slowly(number: int) -> int:
    """The number, after some milliseconds."""
    time.sleep(0.003)
    return number


def certificates(folder: Path) -> dict[str, str]:
    """Make a certificate of 127.0.0.1 that is its own authority, by the program ``openssl``."""
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return {"ca": certificate, "cert": certificate, "key": key}
