"""A manager's queue and dictionary, used by another program; here on this host, or on two.

    python examples/remote_manager.py serve 0.0.0.0 5000 KEY       on one host
    python examples/remote_manager.py work THAT-HOST 5000 KEY      on the other
    python examples/remote_manager.py                              both, as two programs on this host

Both sides prove that they know the key; without `ssl=` what they say is not encrypted.
"""

from __future__ import annotations

import queue
import secrets
import socket
import subprocess
import sys
from typing import Any

from processing.managers import BaseManager, DictProxy

tasks: queue.Queue[int | None] = queue.Queue()
results: dict[int, int] = {}


def get_tasks() -> queue.Queue[int | None]:
    """What the server's process has."""
    return tasks


def get_results() -> dict[int, int]:
    """Likewise."""
    return results


class Office(BaseManager):
    """Offers the queue and the dictionary."""


Office.register("get_tasks", get_tasks)
Office.register("get_results", get_results, proxytype=DictProxy)


def work(host: str, port: int, key: bytes) -> None:
    """Connect, and square the numbers that the queue has."""
    office: Any = Office((host, port), authkey=key)
    office.connect()
    asked, answers = office.get_tasks(), office.get_results()
    while (number := asked.get()) is not None:
        answers[number] = number * number


def serve(host: str, port: int, key: bytes) -> None:
    """Offer both until Ctrl-C."""
    for number in [*range(10), None]:
        tasks.put(number)
    Office((host, port), authkey=key).get_server().serve_forever()


def both() -> None:
    """Serve in a process of this program, and run the worker as another program."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    key = secrets.token_hex(16)
    with Office(("127.0.0.1", port), authkey=key.encode()) as office:
        made: Any = office
        for number in [*range(10), None]:
            made.get_tasks().put(number)
        subprocess.run([sys.executable, __file__, "work", "127.0.0.1", str(port), key], check=True)
        print(sorted(made.get_results().copy().items())[-3:])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", host, port, key]:
            serve(host, int(port), key.encode())
        case ["work", host, port, key]:
            work(host, int(port), key.encode())
        case _:
            both()
