from __future__ import annotations

import os
import pickle
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from processing_core import AuthenticationError, BaseContext, current_process
from processing_queues import Client, Listener, families
from processing_testing import connections, leaks

KEY = b"a key"


@pytest.fixture(params=families)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def dialling(function: Callable[..., object], *args: Any) -> Iterator[list[BaseException]]:
    """Call *function* in a thread; what it raises is in the list after the body."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            function(*args)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield raised
    finally:
        thread.join()


class TestAddresses:
    def test_of_its_own_choice(self, family: str) -> None:
        with leaks.leaves_nothing(), Listener(family=family) as listener:
            assert listener.last_accepted is None
            with dialling(connections.dial, listener.address, None, "hello"), listener.accept() as connection:
                assert connection.recv() == "hello"
                with pytest.raises(EOFError):
                    connection.recv()
            if family == "AF_INET":
                assert listener.last_accepted[0] == "127.0.0.1"

    def test_by_default_a_file_that_only_we_reach(self) -> None:
        listener = Listener()
        folder = Path(listener.address).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        listener.close()
        assert not folder.exists()

    def test_a_given_path(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        path = tmp_path_factory.mktemp("l") / "s"
        with Listener(str(path)) as listener:
            assert listener.address == str(path)
            assert stat.S_ISSOCK(path.stat().st_mode)
            with pytest.raises(OSError, match="in use"):
                Listener(str(path))
            assert path.exists(), "the second one removed the first one's"
        assert not path.exists()
        assert path.parent.exists()

    @pytest.mark.parametrize("kind", [str, bytes])
    def test_an_abstract_name(self, kind: type) -> None:
        name = f"\0processing-test-{os.getpid()}"
        with Listener(name if kind is str else name.encode()) as listener:
            for address in (name, name.encode(), listener.address):
                with dialling(connections.dial, address, None, 1), listener.accept() as connection:
                    assert connection.recv() == 1

    def test_of_either_family_by_its_shape(self) -> None:
        with Listener(("localhost", 0)) as listener:
            host, port = listener.address
            assert host == "127.0.0.1" and port > 0
            with dialling(connections.dial, ("localhost", port), None, 1), listener.accept() as connection:
                assert connection.recv() == 1

    @pytest.mark.parametrize(
        ("make", "error"),
        [
            (lambda: Listener(12), TypeError),  # type: ignore[arg-type]
            (lambda: Listener(b"relative"), TypeError),
            (lambda: Listener(("localhost", 0), "AF_UNIX"), TypeError),
            (lambda: Listener(family="AF_NONE"), ValueError),
            (lambda: Listener(authkey=12), TypeError),  # type: ignore[arg-type]
            (lambda: Client(12), TypeError),  # type: ignore[arg-type]
            (lambda: Client("/no/such/file"), FileNotFoundError),
            (lambda: Client(("localhost", 1)), ConnectionRefusedError),
            (lambda: Client("/no/such/file", authkey=1.5), TypeError),  # type: ignore[arg-type]
            (lambda: Client("/no/such/file", "AF_PIPE"), ValueError),
        ],
    )
    def test_wrong_ones_leave_nothing(self, make: Callable[[], object], error: type[Exception]) -> None:
        with leaks.leaves_nothing(), pytest.raises(error):
            make()


class TestLife:
    def test_close(self) -> None:
        with leaks.leaves_nothing():
            listener = Listener()
            listener.close()
            listener.close()
            for use in (listener.accept, listener.fileno):
                with pytest.raises(OSError, match="listener is closed"):
                    use()

    def test_a_dropped_one_is_closed(self) -> None:
        with leaks.leaves_nothing():
            listener = Listener()
            path = listener.address
            del listener
            assert not os.path.exists(path)

    def test_an_ended_program_leaves_no_file(self) -> None:
        program = "import processing_queues; listener = processing_queues.Listener(); print(listener.address)"
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert run.stdout.startswith("/")
        assert not os.path.exists(os.path.dirname(run.stdout.strip()))

    def test_a_child_leaves_the_file_alone(self, context: BaseContext) -> None:
        with Listener() as listener:
            process = context.Process(target=connections.dial, args=(listener.address, None))
            process.start()
            listener.accept().close()
            process.join()
            assert process.exitcode == 0
            assert os.path.exists(listener.address)

    def test_a_forked_copy_leaves_the_file_alone(self) -> None:
        with Listener() as listener:
            pid = os.fork()
            if pid == 0:
                try:
                    listener.close()
                finally:
                    os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            assert os.path.exists(listener.address)

    def test_several_wait_in_the_backlog(self) -> None:
        with Listener(backlog=5) as listener:
            clients = [Client(listener.address) for _ in range(5)]
            for number, client in enumerate(clients):
                client.send(number)
            for number in range(5):
                with listener.accept() as connection:
                    assert connection.recv() == number
            for client in clients:
                client.close()

    def test_a_default_timeout_of_sockets_is_not_ours(self, family: str) -> None:
        socket.setdefaulttimeout(0.01)
        try:
            with (
                Listener(family=family) as listener,
                dialling(connections.dial, listener.address, None, 1),
                listener.accept() as connection,
            ):
                assert os.get_blocking(connection.fileno())
                assert connection.recv() == 1
        finally:
            socket.setdefaulttimeout(None)

    def test_a_signal_handler_that_raises_interrupts(self) -> None:
        def interrupt(*_: object) -> None:
            raise InterruptedError("by the test")

        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            with Listener() as listener:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                with pytest.raises(InterruptedError, match="by the test"):
                    listener.accept()
        finally:
            signal.signal(signal.SIGALRM, before)


class TestKeys:
    def test_both_know_it(self, family: str, context: BaseContext) -> None:
        with Listener(family=family, authkey=KEY) as listener:
            process = context.Process(target=connections.dial, args=(listener.address, KEY, "hello"))
            process.start()
            with listener.accept() as connection:
                assert connection.recv() == "hello"
            process.join()
            assert process.exitcode == 0

    def test_text_is_a_key_too(self) -> None:
        with Listener(authkey="schlüssel") as listener:
            key = "schlüssel".encode()
            with dialling(connections.dial, listener.address, key, 1) as raised, listener.accept() as connection:
                assert connection.recv() == 1
            assert raised == []

    def test_the_family_s_own(self, context: BaseContext) -> None:
        with Listener(authenticate=True) as listener:
            process = context.Process(target=connections.dial_with_own_key, args=(listener.address,))
            process.start()
            with listener.accept() as connection:
                assert connection.recv() == "family"
            process.join()
            key = bytes(current_process().authkey)
            with dialling(connections.dial, listener.address, key) as raised:
                listener.accept().close()
            assert raised == []

    def test_a_wrong_one_is_refused_and_the_next_accepted(self) -> None:
        with leaks.leaves_nothing(), Listener(authkey=KEY) as listener:
            with (
                dialling(connections.dial, listener.address, b"another") as raised,
                pytest.raises(AuthenticationError, match="digest received was wrong"),
            ):
                listener.accept()
            assert [str(error) for error in raised] == ["digest sent was rejected"]
            assert isinstance(raised[0], AuthenticationError)
            with dialling(connections.dial, listener.address, KEY, 1), listener.accept() as connection:
                assert connection.recv() == 1
            del raised

    def test_a_client_tests_the_listener_too(self) -> None:
        with socket.create_server(("localhost", 0)) as server:

            def pretend() -> None:
                with server.accept()[0] as impostor:
                    impostor.sendall(frame(b"#CHALLENGE#{sha256}" + bytes(40)))
                    assert impostor.recv(100)
                    impostor.sendall(frame(b"#WELCOME#"))
                    assert impostor.recv(100)
                    impostor.sendall(frame(b"{sha256}" + bytes(32)))
                    impostor.recv(100)

            with (
                dialling(pretend) as raised,
                pytest.raises(AuthenticationError, match="digest received was wrong"),
            ):
                Client(server.getsockname(), authkey=KEY)
            assert raised == []


def frame(message: bytes) -> bytes:
    return struct.pack("!i", len(message)) + message


class Bomb:
    """What must never be unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (99,)


ATTACKS = {
    "nothing": b"",
    "noise": bytes(range(256)) * 10,
    "a pickle": frame(pickle.dumps(Bomb())),
    "an announcement": struct.pack("!i", 0x7FFFFFFF) + bytes(1000),
    "a long announcement": b"\xff\xff\xff\xff" + struct.pack("!Q", 1 << 62) + bytes(1000),
    "a negative size": struct.pack("!i", -2) + bytes(1000),
    "257 bytes": frame(bytes(257)),
    "an empty answer": frame(b""),
    "another digest": frame(b"{md5}" + bytes(16)),
    "a bare digest": frame(bytes(16)),
    "a welcome": frame(b"#WELCOME#"),
}


class TestAttacks:
    """Bytes from somebody who does not know the key."""

    @pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
    def test_a_listener_survives(self, attack: bytes) -> None:
        with leaks.leaves_nothing(), Listener(authkey=KEY) as listener:
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(listener.address)
                stranger.sendall(attack)
                stranger.shutdown(socket.SHUT_WR)
                with pytest.raises((AuthenticationError, EOFError, OSError)):
                    listener.accept()
            with dialling(connections.dial, listener.address, KEY, 1), listener.accept() as connection:
                assert connection.recv() == 1

    @pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
    def test_a_client_survives(self, attack: bytes) -> None:
        with leaks.leaves_nothing(), socket.create_server(("localhost", 0)) as server:

            def assault() -> None:
                with server.accept()[0] as impostor, suppress(OSError):
                    impostor.sendall(attack)
                    impostor.shutdown(socket.SHUT_WR)
                    while impostor.recv(1000):
                        pass

            with dialling(assault) as raised, pytest.raises((AuthenticationError, EOFError, OSError)):
                Client(server.getsockname(), authkey=KEY)
            assert raised == []
