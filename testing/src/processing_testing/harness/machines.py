"""Simulates two machines by two network namespaces with a link: ``python -m processing_testing.harness.machines``.

It must be run in a namespace of its own (``unshare -rn``).  This machine is 10.9.0.1 and serves; the other is 10.9.0.2,
and calls.  What the other machine prints is printed here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from processing_testing.children.managed import Bank

_KEY = "key of the test"
_HERE, _THERE = "10.9.0.1", "10.9.0.2"


def serve() -> None:
    """Act as this machine: start the other, and stop serving while it calls."""
    server = Bank((_HERE, 0), _KEY).get_server()
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "processing_testing.harness.machines"]
    with subprocess.Popen(
        ["unshare", "-n", *command, str(server.address[1])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == "there\n"  # now it is in its own namespace
        plug_in(other.pid)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        other.stdin.write("go\n")
        other.stdin.flush()
        print(other.stdout.readline(), end="")
        server.stop_event.set()
        serving.join()
        print(other.stdout.read(), end="")


def plug_in(other: int) -> None:
    """Link this machine with the one in whose namespace a process is."""
    there = ["nsenter", "-t", str(other), "-n"]
    for command in (
        ["ip", "link", "add", "name", "veth0", "type", "veth", "peer", "name", "veth1"],
        ["ip", "link", "set", "veth1", "netns", str(other)],
        ["ip", "addr", "add", f"{_HERE}/24", "dev", "veth0"],
        ["ip", "link", "set", "veth0", "up"],
        [*there, "ip", "addr", "add", f"{_THERE}/24", "dev", "veth1"],
        [*there, "ip", "link", "set", "veth1", "up"],
    ):
        subprocess.run(command, check=True)


def call(port: int) -> None:
    """Act as the other machine."""
    print("there", flush=True)
    sys.stdin.readline()
    address = (_HERE, port)
    bank = Bank.from_address(address, _KEY)
    account = bank.Account(5)  # type: ignore[attr-defined]
    first, second = bank.Account(1), bank.Account(2)  # type: ignore[attr-defined]
    kept = bank.Same([first, second])  # type: ignore[attr-defined]
    nested = [proxy.deposit(1) for proxy in kept._getvalue()]
    print(account.deposit(10), nested, bank._number_of_objects(), flush=True)
    try:
        while True:
            account.deposit(1)
    except ConnectionError as error:
        known = error.address == address  # type: ignore[attr-defined]
        print(type(error).__name__, known, str(address) in str(error), flush=True)
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        call(int(sys.argv[1]))
    else:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["ip", "addr", "add", f"{_HERE}/32", "dev", "lo"], check=True)
        serve()
