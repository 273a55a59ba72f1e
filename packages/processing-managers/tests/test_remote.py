"""Managers for other families: by sockets, over TCP, with TLS, from another machine."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from processing_core import AuthenticationError
from processing_managers import BaseManager, ServerGone, _link
from processing_managers._callers import RingCaller, StreamCaller
from processing_testing import managed
from processing_testing.encryption import client_context, server_context
from processing_testing.managed import Bank, Overdrawn, Watched

Context = Any


@contextmanager
def serving(kind: type[BaseManager], context: ssl.SSLContext | None = None) -> Iterator[Any]:
    """The address of a server in a thread of this process."""
    server = kind(("localhost", 0), b"key", ssl=context).get_server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.address
    finally:
        server.stop_event.set()
        thread.join()


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every server be of another family."""
    monkeypatch.setattr(_link, "unseal", lambda sealed: None)


@pytest.fixture
def bank(far: None) -> Iterator[Any]:
    with serving(Bank) as address:
        yield Bank.from_address(address, b"key")


class TestStreams:
    def test_which_way_it_goes(self, bank: Any) -> None:
        assert {type(caller) for caller in bank._link._threads.idle} <= {StreamCaller}
        assert bank.Account(1).deposit(1) == 2
        assert [type(caller) for caller in bank._link._threads.idle] == [StreamCaller]
        with Bank() as near:
            near._number_of_objects()
            assert [type(caller) for caller in near._link._threads.idle] == [StreamCaller]

    def test_errors_leave_the_way_as_it_was(self, bank: Any) -> None:
        account = bank.Account(5)
        idle = list(bank._link._threads.idle)
        with pytest.raises(Overdrawn) as caught:
            account.deposit(-1)
        assert "raise Overdrawn(self.balance, amount)" in str(caught.value.__cause__)
        for wrong in (account.lock, account.unloadable, lambda: account.deposit(threading.Lock())):
            with pytest.raises(Exception, match=r"pickle|does not load"):
                wrong()
        assert account.deposit(1) == 6
        assert bank._link._threads.idle == idle

    def test_iterators_and_objects_in_objects(self, bank: Any) -> None:
        assert list(bank.Account(3).numbers()) == [0, 1, 2]
        inner = bank.Account(1)
        outer = bank.Same([inner])
        assert outer._getvalue()[0].deposit(1) == 2 == inner.deposit(0)

    def test_a_thread_is_who_it_is(self, far: None) -> None:
        with serving(Watched) as address:
            manager = Watched.from_address(address, b"key")
            lock = manager.RLock()
            with lock, lock:
                pass
            with pytest.raises(RuntimeError):
                lock.release()


class TestRings:
    @pytest.mark.parametrize("count", [1, 70_000, 3_000_000])
    def test_long_arguments_and_results(self, context: Context, count: int) -> None:
        with context.Manager() as manager:
            items = manager.list([b"x" * count])
            items.append(b"y" * count)
            assert items[1] == b"y" * count and [len(item) for item in items] == [count, count]
            link: Any = items._link
            assert {type(caller) for caller in link._threads.idle} == {RingCaller}


class TestErrors:
    def test_a_wrong_key_and_the_address(self) -> None:
        with serving(Bank) as address:
            with pytest.raises(AuthenticationError) as caught:
                Bank(address, b"wrong").connect()
            assert str(address) in str(caught.value)

    @pytest.mark.parametrize("address", ["/nowhere", ("localhost", 1), ("no.such.host.invalid", 5)], ids=str)
    def test_nobody_there(self, address: Any) -> None:
        with pytest.raises(ServerGone) as caught:
            Bank(address, b"key").connect()
        assert caught.value.address == address and repr(address) in str(caught.value)


class TestTls:
    def test_calls(self) -> None:
        with serving(Bank, server_context()) as address:
            bank: Any = Bank.from_address(address, b"key", ssl=client_context())
            assert bank.Account(1).deposit(1) == 2

    def test_calls_by_streams(self, far: None) -> None:
        with serving(Bank, server_context()) as address:
            bank: Any = Bank.from_address(address, b"key", ssl=client_context())
            account = bank.Account(1)
            assert account.deposit(1) == 2
            assert [account.deposit(1) for _ in range(50)] == [*range(3, 53)]

    def test_a_forked_child_speaks_it_too(self, far: None) -> None:
        from processing_core import get_context

        with serving(Bank, server_context()) as address:
            bank: Any = Bank.from_address(address, b"key", ssl=client_context())
            account = bank.Account(1)
            child = get_context("fork").Process(target=managed.call, args=(account, "deposit", 5))
            child.start()
            child.join()
            assert child.exitcode == 0 and account.deposit(0) == 6

    def test_whom_it_does_not_trust(self) -> None:
        with serving(Bank, server_context("known")) as address, pytest.raises(ssl.SSLError):
            Bank.from_address(address, b"key", ssl=client_context("stranger"))

    def test_a_server_of_another_process_cannot_have_it(self) -> None:
        with pytest.raises(ValueError, match="get_server"):
            Bank(ssl=server_context()).start()


@pytest.mark.skipif(not shutil.which("unshare") or not shutil.which("ip"), reason="needs unshare and ip")
def test_another_machine() -> None:
    if subprocess.run(["unshare", "-rn", "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets us make no network namespace")
    command = ["unshare", "-rn", sys.executable, "-m", "processing_testing.machines"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert said.stdout.splitlines() == ["15 [2, 3] 4", "ServerGone True True"], said.stderr
