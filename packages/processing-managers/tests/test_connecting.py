"""Clients that connect to a manager's server, and clients that are refused."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from processing_core import AuthenticationError
from processing_core.lowlevel import SOCKET_FILES, yield_processor
from processing_managers import (
    BaseManager,
    ServerGone,
    SyncManager,
)
from processing_managers._server import server as server_module
from processing_managers._server import streams
from processing_queues import Client, Connection
from processing_testing.children import managed
from processing_testing.children.managed import Bank
from processing_testing.harness.mechanisms import needs_unix_sockets
from processing_testing.harness.rendezvous import Rendezvous

Context = Any


class TestConnecting:
    def test_from_this_process(self, serving: Any) -> None:
        bank: Any = Bank(serving.address, b"key")
        bank.connect()
        assert bank.Account(1).deposit(1) == 2

    def test_by_sixty_four_at_once(self, serving: Any) -> None:
        barrier = threading.Barrier(64)
        balances: list[int] = []

        def connect() -> None:
            barrier.wait()
            bank: Any = Bank(serving.address, b"key")
            with Client(serving.address, authkey=b"key", timeout=50):
                bank.connect()
                balances.append(bank.Account(1).deposit(1))

        threads = [threading.Thread(target=connect) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert balances == [2] * 64

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_from_another_family(self, context: Context, serving: Any, rendezvous: Rendezvous) -> None:
        child = context.Process(target=managed.deposit_at, args=(serving.address, b"key", rendezvous.address))
        child.start()
        assert rendezvous.receive() == [15]
        child.join()
        assert child.exitcode == 0

    def test_with_a_wrong_key(self, serving: Any, refusals: list[str]) -> None:
        with pytest.raises(AuthenticationError):
            Bank(serving.address, b"wrong").connect()
        Bank(serving.address, b"key").connect()
        (message,) = refusals
        assert message.startswith(f"listener at {serving.address!r} refused") and "digest received was wrong" in message

    def test_by_a_client_with_the_key_that_sends_other_bytes(self, serving: Any, refusals: list[str]) -> None:
        for nonsense in (b"", b"nonsense", bytes(25), bytes(1000)):
            with Client(serving.address, authkey=b"key") as stranger:
                stranger.send_bytes(nonsense)
                with suppress(ConnectionError), pytest.raises(EOFError):
                    stranger.recv_bytes()
        Bank(serving.address, b"key").connect()
        assert len([message for message in refusals if "hung up on a client" in message]) == 4

    def test_when_the_system_has_no_more_threads(
        self, serving: Any, refusals: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(thread: threading.Thread) -> None:
            monkeypatch.undo()
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        with Client(serving.address, authkey=b"key") as unlucky, pytest.raises(EOFError):
            unlucky.recv_bytes()
        Bank(serving.address, b"key").connect()
        assert [message for message in refusals if message.endswith("hung up on a client: can't start new thread")]

    def test_by_default_only_this_machine_reaches_it(self, context: Context) -> None:
        with context.Manager() as manager:
            if SOCKET_FILES:
                assert os.stat(manager.address).st_mode & 0o022 == 0  # only this user may connect
            elif hasattr(socket, "AF_UNIX"):
                assert manager.address[:1] == b"\0"  # an abstract name
            else:
                assert manager.address.startswith("\\\\.\\pipe\\")  # which refuses clients of other machines

    def test_where_no_server_listens(self) -> None:
        with socket.create_server(("localhost", 0)) as server:
            address = server.getsockname()
        manager = BaseManager(address)
        with pytest.raises(ServerGone, match="refused") as caught:
            manager.connect()
        assert caught.value.address == address
        with pytest.raises(ServerGone):
            BaseManager("/nowhere/at/all" if hasattr(socket, "AF_UNIX") else r"\\.\pipe\nowhere").connect()

    @needs_unix_sockets
    def test_a_file_is_removed(self, context: Context, tmp_path: Any) -> None:
        folder = os.path.relpath(tmp_path)  # the name of a socket has a maximum length
        path = min(str(tmp_path / "s"), os.path.join(folder, "s"), key=len)
        with SyncManager(path, ctx=context) as manager:
            assert os.path.exists(path)
            assert manager.address == path and manager.list([1]) == [1]
        assert not os.path.exists(path)

    def test_an_unauthenticated_peer_blocks_no_client(self, serving: Any) -> None:
        with socket.create_connection(serving.address):
            Bank(serving.address, b"key").connect()

    def test_garbage_disturbs_no_client(self, serving: Any) -> None:
        for garbage in (b"", b"\0\0\0\5hello", b"\x7f\xff\xff\xff", b"\xff" * 100):
            with socket.create_connection(serving.address) as stream:
                stream.sendall(garbage)
        Bank(serving.address, b"key").connect()

    @pytest.mark.parametrize("address", [None, ("localhost", 0)])
    def test_one_that_stops_hangs_up(self, address: Any) -> None:
        server = Bank(address, b"key").get_server()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        bank: Any = Bank(server.address, b"key")
        bank.connect()
        account = bank.Account()
        server.stop_event.set()
        thread.join()
        with pytest.raises(ServerGone):
            account.deposit(1)
        with pytest.raises(ServerGone):
            Bank(server.address, b"key").connect()

    def test_one_that_stops_hangs_up_on_nothing_that_is_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The number of a connection that its thread has closed may be another stream's."""
        found: list[bool] = []

        def hang_up(connection: Connection) -> None:
            streams.hang_up(connection)
            time.sleep(0.2)  # for its thread, which ends now
            found.append(connection.closed)

        monkeypatch.setattr(server_module, "hang_up", hang_up)
        server = Bank(("localhost", 0), b"key").get_server()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with Client(server.address, authkey=b"key"):
            while not server._connections:
                yield_processor()
            server.stop_event.set()
            thread.join()
        assert found == [False]

    def test_one_that_hung_up_is_not_taken_for_connected(self) -> None:
        server = Bank(("localhost", 0), b"key").get_server()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        bank: Any = Bank(server.address, b"key")
        bank.connect()
        server.stop_event.set()
        thread.join()
        with pytest.raises(ServerGone):
            Bank(server.address, b"key").connect()
        again = Bank(server.address, b"key").get_server()
        thread = threading.Thread(target=again.serve_forever)
        thread.start()
        anew: Any = Bank(server.address, b"key")
        anew.connect()
        assert anew.Account(1).deposit(1) == 2
        again.stop_event.set()
        thread.join()
