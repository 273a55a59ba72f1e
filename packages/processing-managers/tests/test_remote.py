"""Managers for other families: by sockets, over TCP, with TLS, from another machine."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from processing_core import AuthenticationError, get_all_start_methods, get_context
from processing_managers import BaseManager, ServerGone
from processing_managers._client import link as _link
from processing_managers._client.request_channel import RingChannel, StreamChannel
from processing_testing.children import managed
from processing_testing.children.managed import Bank, Overdrawn, Watched
from processing_testing.harness import scripts
from processing_testing.harness.encryption import client_context, server_context
from processing_testing.harness.mechanisms import needs_forks, needs_unix_sockets

Context = Any
Protocol = Literal["processing", "multiprocessing"]


@contextmanager
def serving(
    kind: type[BaseManager], context: ssl.SSLContext | None = None, protocol: Protocol = "processing"
) -> Iterator[Any]:
    """The address of a server in a thread of this process."""
    server = kind(("localhost", 0), b"key", ssl=context, protocol=protocol).get_server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.address
    finally:
        server.stop_event.set()
        thread.join()


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every server as one of another family."""
    monkeypatch.setattr(_link, "unseal", lambda sealed: None)


@pytest.fixture
def bank(far: None) -> Iterator[Any]:
    with serving(Bank) as address:
        yield Bank.from_address(address, b"key")


class TestStreams:
    def test_which_way_it_goes(self, bank: Any) -> None:
        assert {type(channel) for channel in bank._link._threads.idle} <= {StreamChannel}
        assert bank.Account(1).deposit(1) == 2
        assert [type(channel) for channel in bank._link._threads.idle] == [StreamChannel]
        with Bank() as near:
            near._number_of_objects()
            assert [type(channel) for channel in near._link._threads.idle] == [StreamChannel]

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

    def test_a_thread_keeps_its_identity(self, far: None) -> None:
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
            assert {type(channel) for channel in link._threads.idle} == {RingChannel}


class TestErrors:
    def test_a_wrong_key_and_the_address(self) -> None:
        with serving(Bank) as address:
            with pytest.raises(AuthenticationError) as caught:
                Bank(address, b"wrong").connect()
            assert str(address) in str(caught.value)

    @pytest.mark.parametrize(
        "address",
        [pytest.param("/nowhere", marks=needs_unix_sockets), ("localhost", 1), ("no.such.host.invalid", 5)],
        ids=str,
    )
    def test_no_server(self, address: Any) -> None:
        with pytest.raises(ServerGone) as caught:
            Bank(address, b"key").connect()
        assert caught.value.address == address and repr(address) in str(caught.value)


class TestProtocol:
    def test_the_handshake_of_multiprocessing(self, far: None) -> None:
        with serving(Bank, protocol="multiprocessing") as address:
            bank: Any = Bank.from_address(address, b"key", protocol="multiprocessing")
            account = bank.Account(1)
            assert account.deposit(1) == 2
            again: Any = Bank(address, b"key", protocol="multiprocessing")
            again.connect()
            assert again.Account(5).deposit(0) == 5

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11's multiprocessing knows MD5 alone")
    def test_multiprocessing_itself_can_show_the_key(self) -> None:
        with serving(Bank, protocol="multiprocessing") as address:
            scripts.run(
                """
                import sys
                from multiprocessing import AuthenticationError
                from multiprocessing.connection import Client

                address = "localhost", int(sys.argv[1])
                Client(address, authkey=b"key").close()
                try:
                    Client(address, authkey=b"wrong")
                except AuthenticationError:
                    sys.exit(3)
                """,
                str(address[1]),
                status=3,
            )

    @pytest.mark.parametrize("served", ["processing", "multiprocessing"])
    def test_it_is_never_negotiated(self, served: Protocol) -> None:
        spoken: Protocol = "multiprocessing" if served == "processing" else "processing"
        with serving(Bank, protocol=served) as address, pytest.raises((AuthenticationError, ServerGone)):
            Bank.from_address(address, b"key", protocol=spoken)

    def test_it_is_forgotten_by_the_next_connecting(self) -> None:
        with serving(Bank) as address:
            with pytest.raises((AuthenticationError, ServerGone)):
                Bank.from_address(address, b"key", protocol="multiprocessing")
            bank: Any = Bank.from_address(address, b"key")
            assert bank.Account(1).deposit(1) == 2

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    @pytest.mark.parametrize("method", get_all_start_methods())
    def test_proxies_and_managers_take_it_along(self, method: str, far: None) -> None:
        with serving(Bank, protocol="multiprocessing") as address:
            bank: Any = Bank.from_address(address, b"key", protocol="multiprocessing")
            account = bank.Account(1)
            for what in (account, bank):
                child = get_context(method).Process(target=managed.deposit_in, args=(what,))
                child.start()
                child.join()
                assert child.exitcode == 0, child.exception
            assert account.deposit(0) == 2

    def test_another_name_and_a_server_that_is_started(self) -> None:
        with pytest.raises(ValueError, match="'processing' or 'multiprocessing', not 'other'"):
            Bank(protocol="other")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="get_server"):
            Bank(protocol="multiprocessing").start()


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

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    @needs_forks
    def test_a_forked_child_speaks_it_too(self, far: None) -> None:
        from processing_core import get_context

        with serving(Bank, server_context()) as address:
            bank: Any = Bank.from_address(address, b"key", ssl=client_context())
            account = bank.Account(1)
            child = get_context("fork").Process(target=managed.call, args=(account, "deposit", 5))
            child.start()
            child.join()
            assert child.exitcode == 0 and account.deposit(0) == 6

    def test_a_listener_that_it_does_not_trust(self) -> None:
        with serving(Bank, server_context("known")) as address, pytest.raises(ssl.SSLError):
            Bank.from_address(address, b"key", ssl=client_context("stranger"))

    def test_a_server_of_another_process_cannot_have_it(self) -> None:
        with pytest.raises(ValueError, match="get_server"):
            Bank(ssl=server_context()).start()


def test_a_call_that_meets_the_end_of_the_server(far: None) -> None:
    """The server drops what its clients refer to, and hangs up, one connection after the other."""
    server = Bank(("localhost", 0), b"key").get_server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        account = Bank.from_address(server.address, b"key").Account(5)  # type: ignore[attr-defined]
        assert account.deposit(1) == 6
        for session in list(server._sessions.values()):
            session.leave()
            server.table.leave(session)
        with pytest.raises(ServerGone):
            account.deposit(1)
    finally:
        server.stop_event.set()
        thread.join()


@pytest.mark.skipif(not shutil.which("unshare") or not shutil.which("ip"), reason="needs unshare and ip")
def test_another_machine() -> None:
    if subprocess.run(["unshare", "-rn", "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets us make no network namespace")
    command = ["unshare", "-rn", sys.executable, "-m", "processing_testing.harness.machines"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert said.stdout.splitlines() == ["15 [2, 3] 4", "ServerGone True True"], said.stderr
