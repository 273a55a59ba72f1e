"""Processes that are not members of the family, and send any bytes to addresses that every process can see."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["abstract_addresses", "lingering"]

_LINGERER = """
import array, os, socket, struct, sys, threading
listening = socket.create_server(("127.0.0.1", 0))
full = socket.create_connection(listening.getsockname())
peer, _ = listening.accept()
full.setblocking(False)
try:
    while True:
        full.send(bytes(1 << 16))
except BlockingIOError:
    pass
full.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [full.fileno()]))]
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.sendmsg([b"x" * 100], rights, 0, b"\\0" + sys.argv[1].encode())
closing = threading.Thread(target=full.close, daemon=True)  # blocks itself if no other process got the socket
closing.start()
closing.join(0.2)
print("sent", flush=True)
sys.stdin.read()
"""


@contextmanager
def lingering(address: str) -> Iterator[None]:
    """During the body a datagram with a socket waits at an abstract address, if the system lets it arrive there.

    No process has the socket open, so the last close is the receiver's, and it blocks for an hour, which the sender has
    set by ``SO_LINGER``.

    :param address: it begins with a zero byte.
    """
    command = [sys.executable, "-c", _LINGERER, address[1:]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sent\n"
        try:
            yield
        finally:
            process.kill()


def abstract_addresses(beginning: str) -> set[str]:
    """The abstract addresses on this machine that begin with this text after their zero byte."""
    words = (line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines())
    return {"\0" + word[1:] for word in words if word.startswith("@" + beginning)}
