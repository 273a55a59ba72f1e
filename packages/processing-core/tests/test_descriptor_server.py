"""The server that sends descriptors: processes that do not know its token cannot disturb it."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import sys

import pytest

from processing_core._fds import server as server
from processing_core.lowlevel import Observer, ensure_family, readable, without_forks
from processing_testing.children import strangers
from processing_testing.harness import leaks
from processing_testing.harness.mechanisms import needs_abstract_addresses

if not hasattr(socket, "SCM_RIGHTS"):
    pytest.skip("the system's sockets carry no descriptors, so there is no server", allow_module_level=True)

STRANGER = """
import array, os, socket, sys
if sys.argv[2] == "another user":
    os.setgid(65534)
    os.setuid(65534)
null = os.open("/dev/null", os.O_RDONLY)
ours, theirs = socket.socketpair()
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = b"\\0" + sys.argv[1].encode()
token = bytes.fromhex(sys.argv[4])
for fd in (null, theirs.fileno()):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    for _ in range(50):
        sender.sendmsg([token + b"x" * 16], rights, 0, address)
sender.sendto(token, address)
sender.sendto(token + b"y" * 1000, address)
if sys.argv[3]:
    request = bytes.fromhex(sys.argv[3])
    sender.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))], 0, address)
theirs.close()
message, _, _, _ = ours.recvmsg(100, 100)
sys.exit(bool(message))
"""


def stranger(address: str, user: str, request: str = "", token: str = "") -> int:
    command = [sys.executable, "-c", STRANGER, address, user, request, token]
    return subprocess.run(command, check=False, timeout=60).returncode


users = pytest.mark.parametrize(
    "user",
    [
        "the same user",
        pytest.param("another user", marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs root")),
    ],
)


@needs_abstract_addresses
@users
@pytest.mark.parametrize("knows_token", [False, True])
def test_what_a_stranger_sends_is_closed(user: str, knows_token: bool) -> None:
    with leaks.leaves_nothing(), open(os.devnull) as file:
        address, key = server.deposit(file.fileno())
        before = len(os.listdir("/proc/self/fd"))
        assert stranger(address[1:].decode(), user, token=key[:8].hex() if knows_token else "") == 0
        fetched = server.fetch(address, key)  # the server goes on; it has handled all hundred earlier messages by now
        assert len(os.listdir("/proc/self/fd")) < before + 10
        fetched.close()


@needs_abstract_addresses
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_user_gets_nothing_though_he_knows_the_request() -> None:
    with open(os.devnull) as file:
        address, key = server.deposit(file.fileno())
        assert stranger(address[1:].decode(), "another user", key[: server._REQUEST].hex()) == 0
        server.fetch(address, key).close()


def test_a_member_that_sends_no_socket() -> None:
    with leaks.leaves_nothing(), open(os.devnull) as file:
        address, key = server.deposit(file.fileno())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]))]
            sender.sendmsg([key[: server._REQUEST]], rights, 0, address)


@needs_abstract_addresses
def test_a_socket_that_lingers_delays_no_receiver() -> None:
    with open(os.devnull) as file:
        address, key = server.deposit(file.fileno())
        # The server cannot receive before the sender has closed its own.
        with without_forks(), strangers.lingering(address.decode()):
            assert server._FdServer.current is not None
            assert not readable(server._FdServer.current._socket.fileno(), 0)
        server.fetch(address, key).close()


@needs_abstract_addresses
def test_an_observer_receives_nothing_from_other_processes() -> None:
    """Every user of the machine can see its address."""
    ensure_family()
    before = strangers.abstract_addresses("processing-observer-")
    observer = Observer()
    (address,) = strangers.abstract_addresses("processing-observer-") - before
    with strangers.lingering(address):
        assert not readable(observer.fileno(), 0)
    observer.take()
    observer.close()
