"""Malformed and truncated bytes, at a listener in another process, at any point of the exchange."""

from __future__ import annotations

import os
import random

import pytest

from processing_queues import Client
from processing_testing.children import connections
from processing_testing.fuzz.malformed import Fuzzer, HelloFuzzer, attacking, growth, serve_listener, spoilt
from processing_testing.harness import encryption
from processing_testing.harness.attack import rounds
from processing_testing.harness.mechanisms import needs_process_files

KEY = b"a key"
MOST = (64 if "ASAN_OPTIONS" in os.environ else 8) << 20
"""Bytes by which a listener may grow after the first cases; some cases announce sizes up to 2**64.  The address
sanitizer keeps freed memory."""


def message(chance: random.Random) -> bytes:
    """A malformed message of a client after the handshake."""
    return spoilt(connections.frame(chance.randbytes(chance.choice([0, 1, 100, 999, 2000]))), chance)


@needs_process_files
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

        def check_service() -> None:
            with Client(target.address, authkey=KEY, timeout=50, ssl=context, server_hostname="localhost") as friend:
                friend.send_bytes(b"hello")
                assert friend.recv_bytes() == b"hello"

        grown = growth(target, fuzzer, count, check_service)
    print(f"{count} malformed talks over {family}{' with TLS' if tls else ''}: {grown >> 10} KiB more at the peak")
    assert grown < MOST
