"""Malformed and truncated bytes, at a listener in another process, at any point of the talk."""

from __future__ import annotations

import os
import random

import pytest

from processing_queues import Client
from processing_testing import connections, encryption
from processing_testing.attack import rounds
from processing_testing.fuzzing import Fuzzer, HelloFuzzer, attacking, growth, serve_listener, spoilt

KEY = b"a key"
MOST = (64 if "ASAN_OPTIONS" in os.environ else 8) << 20
"""Bytes that a listener may take more at the end than after the first cases: some announce up to 2**64.  The address
sanitizer keeps what is freed."""


def message(chance: random.Random) -> bytes:
    """What a client sends after the handshake, spoilt."""
    return spoilt(connections.frame(chance.randbytes(chance.choice([0, 1, 100, 999, 2000]))), chance)


@pytest.mark.attack
@pytest.mark.watchdog(1200)
@pytest.mark.parametrize(
    ("family", "tls", "count"),
    [
        ("AF_UNIX", False, rounds(400, 40_000)),
        ("AF_INET", False, rounds(100, 10_000)),
        ("AF_UNIX", True, rounds(100, 10_000)),
    ],
    ids=["file", "network", "tls"],
)
def test_a_listener(family: str, tls: bool, count: int) -> None:
    context = encryption.client_context() if tls else None
    kind = HelloFuzzer if tls else Fuzzer
    with attacking(serve_listener, KEY, family, tls, lambda address: kind(address, KEY, message)) as (target, fuzzer):

        def befriend() -> None:
            with Client(target.address, authkey=KEY, timeout=50, ssl=context, server_hostname="localhost") as friend:
                friend.send_bytes(b"hello")
                assert friend.recv_bytes() == b"hello"

        grown = growth(target, fuzzer, count, befriend)
    print(f"{count} malformed talks over {family}{' with TLS' if tls else ''}: {grown >> 10} KiB more at the peak")
    assert grown < MOST
