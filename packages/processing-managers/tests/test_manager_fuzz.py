"""Malformed and truncated bytes, at a manager's server in another process, at any point of the talk."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from processing_core.lowlevel import dumps
from processing_managers import _link
from processing_managers._messages import CALLER, KEEPER, hello
from processing_testing import connections, encryption
from processing_testing.attack import rounds
from processing_testing.fuzzing import Fuzzer, HelloFuzzer, attacking, growth, spoilt
from processing_testing.managed import Bank, serve_manager

KEY = b"a key"
MOST = 16 << 20
"""Bytes that a server may take more at the end than after the first cases, with a thread for each who knows the key."""


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

    def talk(chance: random.Random) -> list[bytes]:
        """What a good client sends after the handshake."""
        wrong = chance.choice([None, 5, [], [5], [("drop",)], [("open", 1, b"no rings")], (), ("x:1",), ("x:1", 5, 5)])
        if chance.random() < 0.5:
            posts = [("lend", "x:1", b"a loan"), ("drop", "x:2", b"")]
            return [hello(KEEPER, chance.randbytes(16), 0), dumps(posts), dumps(wrong)]
        create = (None, "create", ("Account", (1,), {}))
        request = chance.choice([(None, "dummy", ()), create, ("x:1", "deposit", (1,)), wrong])
        return [hello(CALLER, known, 1), dumps(request), dumps(wrong)]

    def said(chance: random.Random) -> bytes:
        """The same, as a whole or in part; pickles are sound, for who knows the key may run any code."""
        first, *others = map(connections.frame, talk(chance))
        if chance.random() < 0.5:
            return spoilt(first, chance)
        sent = first + b"".join(others)
        return sent[: chance.randrange(len(first), len(sent) + 1)]

    kind = HelloFuzzer if tls else Fuzzer
    with attacking(serve_manager, KEY, family, tls, lambda address: kind(address, KEY, said)) as (target, fuzzer):
        bank: Any = Bank.from_address(target.address, KEY, ssl=encryption.client_context() if tls else None)
        account = bank.Account(0)
        known = bank._link._id
        deposits = itertools.count(1)

        def befriend() -> None:
            _link.Link(target.address, KEY).call(None, "dummy", (), {})  # somebody new
            assert account.deposit(1) == next(deposits)

        grown = growth(target, fuzzer, count, befriend)
    print(f"{count} malformed talks over {family}{' with TLS' if tls else ''}: {grown >> 10} KiB more at the peak")
    assert grown < MOST
