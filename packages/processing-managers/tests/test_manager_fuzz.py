"""Malformed and truncated bytes, at a manager's server in another process, at any point of the exchange."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from processing_core.lowlevel import dumps
from processing_managers._client import link as _link
from processing_managers._wire.messages import CONTROL, REQUESTS, hello
from processing_testing.children import connections
from processing_testing.children.managed import Bank, serve_manager
from processing_testing.fuzz.malformed import Fuzzer, HelloFuzzer, attacking, growth, spoilt
from processing_testing.harness import encryption
from processing_testing.harness.attack import rounds
from processing_testing.harness.mechanisms import needs_process_files

KEY = b"a key"
MOST = 16 << 20
"""Bytes by which a server may grow after the first cases, with a thread for each client that knows the key."""


@needs_process_files
@pytest.mark.attack
@pytest.mark.watchdog(1200)
@pytest.mark.parametrize(
    ("family", "tls", "count"),
    [
        ("AF_UNIX", False, rounds(200, 20_000)),
        ("AF_INET", False, rounds(100, 10_000)),
        ("AF_INET", True, rounds(50, 10_000)),
    ],
    ids=["file", "network", "tls"],
)
def test_a_server(monkeypatch: pytest.MonkeyPatch, family: str, tls: bool, count: int) -> None:
    monkeypatch.setattr(_link, "unseal", lambda sealed: None)  # so that calls, too, go over sockets
    known = bytes(16)

    def good_messages(chance: random.Random) -> list[bytes]:
        """What a correct client sends after the handshake."""
        wrong = chance.choice([None, 5, [], [5], [("drop",)], [("open", 1, b"no rings")], (), ("x:1",), ("x:1", 5, 5)])
        if chance.random() < 0.5:
            messages = [("send", "x:1", b"a flight"), ("drop", "x:2", b"")]
            return [hello(CONTROL, chance.randbytes(16), 0), dumps(messages), dumps(wrong)]
        create = (None, "create", ("Account", (1,), {}))
        request = chance.choice([(None, "dummy", ()), create, ("x:1", "deposit", (1,)), wrong])
        return [hello(REQUESTS, known, 1), dumps(request), dumps(wrong)]

    def malformed(chance: random.Random) -> bytes:
        """The same with faults, or a part of it; pickles stay intact, since a client with the key may run any code."""
        first, *others = map(connections.frame, good_messages(chance))
        if chance.random() < 0.5:
            return spoilt(first, chance)
        sent = first + b"".join(others)
        return sent[: chance.randrange(len(first), len(sent) + 1)]

    kind = HelloFuzzer if tls else Fuzzer
    with attacking(serve_manager, KEY, family, tls, lambda address: kind(address, KEY, malformed)) as (target, fuzzer):
        bank: Any = Bank.from_address(target.address, KEY, ssl=encryption.client_context() if tls else None)
        account = bank.Account(0)
        known = bank._link._id
        deposits = itertools.count(1)

        def check_service() -> None:
            _link.Link(target.address, KEY).call(None, "dummy", (), {})  # a new client
            assert account.deposit(1) == next(deposits)

        grown = growth(target, fuzzer, count, check_service)
    print(f"{count} malformed talks over {family}{' with TLS' if tls else ''}: {grown >> 10} KiB more at the peak")
    assert grown < MOST
