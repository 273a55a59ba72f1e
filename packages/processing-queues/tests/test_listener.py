from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from processing_core import AuthenticationError, BaseContext, ProcessError, StateError, current_process
from processing_core.lowlevel import duplicate
from processing_queues import Client, Listener, _addresses, families, wait
from processing_queues._platform import get_blocking
from processing_queues.connection import SocketListener, address_type
from processing_testing.children import connections
from processing_testing.children.connections import dialling
from processing_testing.harness import leaks
from processing_testing.harness.interruption_cases import Case, interrupt_everywhere
from processing_testing.harness.mechanisms import (
    needs_abstract_addresses,
    needs_alarms,
    needs_forks,
    needs_unix_sockets,
)

KEY = b"a key"


WITHOUT_PIPES = pytest.mark.skipif("AF_PIPE" in families, reason="this system has named pipes")
NEEDS_IPV6 = pytest.mark.skipif(not connections.has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture(params=[pytest.param(name, marks=NEEDS_IPV6 if name == "AF_INET6" else ()) for name in families])
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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

    def test_the_socket_that_programs_know(self, family: str) -> None:
        with Listener(family=family) as listener:
            assert listener._listener is not None
            listener._listener._socket.settimeout(0.01)
            with pytest.raises(TimeoutError):
                listener.accept()
            with dialling(connections.dial, listener.address, None, "hello"):
                if family != "AF_PIPE":
                    select.select([listener._listener._socket], [], [])
                listener._listener._socket.settimeout(None)
                with listener.accept() as connection:
                    assert connection.recv() == "hello"
        assert listener._listener is None

    @needs_unix_sockets
    def test_by_default_a_file_that_only_we_reach(self) -> None:
        listener = Listener()
        path = Path(listener.address)
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
        listener.close()
        assert not path.exists()

    @needs_unix_sockets
    def test_a_folder_where_the_system_does_not_find_files_without_a_name(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_addresses, "_system_finds_nameless", lambda: False)
        with Listener() as listener:
            folder = Path(listener.address).parent
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            with dialling(connections.dial, listener.address, None, 1), listener.accept() as connection:
                assert connection.recv() == 1
        assert not folder.exists()

    @needs_unix_sockets
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

    @pytest.mark.parametrize("family", sorted({"AF_INET", "AF_PIPE"} & set(families)))
    def test_an_address_at_which_another_listens(self, family: str) -> None:
        with Listener(family=family) as listener, pytest.raises(OSError, match="Errno|WinError"):
            Listener(listener.address, family)

    @needs_unix_sockets
    def test_an_interrupted_close_leaves_no_file(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.mktemp("l")
        made: list[Listener] = []  # before the interrupts

        def make() -> None:
            made.append(Listener(str(folder / str(len(made)))))

        def check() -> None:
            assert len(list(folder.iterdir())) == len(made)
            make()

        for _ in range(10):
            make()
        interrupt_everywhere(lambda: Case(lambda: made.pop().close(), check, made.clear, least=5), 1000)

    @needs_unix_sockets
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

    @NEEDS_IPV6
    def test_of_ipv6_by_its_shape(self) -> None:
        with Listener(("::1", 0)) as listener:
            host, port, _, _ = listener.address
            assert host == "::1" and port > 0
            for address in (listener.address, ("::1", port)):
                with dialling(connections.dial, address, None, 1), listener.accept() as connection:
                    assert connection.recv() == 1
                assert listener.last_accepted[0] == "::1"

    def test_by_default_only_this_machine_can_connect(self, family: str) -> None:
        with Listener(family=family, authkey=KEY) as listener:
            if family in ("AF_INET", "AF_INET6"):
                assert listener.address[0] == {"AF_INET": "127.0.0.1", "AF_INET6": "::1"}[family]

    @pytest.mark.parametrize("make", [Listener, Client])
    @pytest.mark.parametrize(
        "address",
        [pytest.param("/no/such/folder/file", marks=needs_unix_sockets), ("no-such-host.invalid", 1)],
        ids=["file", "host"],
    )
    def test_errors_name_them(self, make: Callable[..., object], address: Any) -> None:
        with pytest.raises(OSError, match="No such file|not known|resolution|getaddrinfo failed") as caught:
            make(address)
        assert repr(address) in str(caught.value)
        assert repr(address) in str(pickle.loads(pickle.dumps(caught.value)))

    @pytest.mark.parametrize(
        ("make", "error"),
        [
            (lambda: Listener(on_wrong_key="shrug"), ValueError),  # type: ignore[arg-type]
            (lambda: Listener(handshake_timeout=None), TypeError),  # type: ignore[arg-type]
            (lambda: Client(("localhost", 1), timeout="1"), TypeError),  # type: ignore[arg-type]
            (lambda: Listener(12), TypeError),  # type: ignore[arg-type]
            (lambda: Listener(b"relative"), TypeError),
            pytest.param(lambda: Listener(("localhost", 0), "AF_UNIX"), TypeError, marks=needs_unix_sockets),
            (lambda: Listener(family="AF_NONE"), ValueError),
            (lambda: Listener(authkey=12), TypeError),  # type: ignore[arg-type]
            (lambda: Client(12), TypeError),  # type: ignore[arg-type]
            pytest.param(lambda: Client("/no/such/file"), FileNotFoundError, marks=needs_unix_sockets),
            (lambda: Client(("localhost", 1)), ConnectionRefusedError),
            (lambda: Client(("localhost", 1), authkey=1.5), TypeError),  # type: ignore[arg-type]
            pytest.param(lambda: Client("/no/such/file", "AF_PIPE"), ValueError, marks=WITHOUT_PIPES),
            pytest.param(lambda: Listener(r"\\.\test"), ValueError, marks=WITHOUT_PIPES),
            pytest.param(lambda: Client(r"\\.\test"), ValueError, marks=WITHOUT_PIPES),
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

    @needs_unix_sockets
    @pytest.mark.parametrize(
        "end",
        [
            pytest.param("", id="ended"),
            pytest.param("import os; os.kill(os.getpid(), 9)", id="killed", marks=needs_abstract_addresses),
        ],
    )
    def test_no_program_leaves_a_file(self, end: str, tmp_path: Path) -> None:
        program = f"import processing_queues as q; l = q.Listener(); print(l.address, flush=True); {end}"
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
        assert run.returncode == (-9 if end else 0)
        assert run.stdout.startswith("/")
        assert not os.path.exists(run.stdout.strip())
        assert list(tmp_path.iterdir()) == []

    def test_a_temporary_folder_with_a_long_path(self, tmp_path: Path) -> None:
        folder = tmp_path / ("x" * 100)
        folder.mkdir()
        program = "import processing_queues as q; l = q.Listener(); print(l.address)"
        environment = {**os.environ, "TMPDIR": str(folder)}
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, env=environment)

    @needs_unix_sockets
    @pytest.mark.parametrize("use", [Listener, Client])
    def test_a_path_that_is_too_long_is_named(self, use: Callable[[str], object], tmp_path: Path) -> None:
        path = str(tmp_path / ("x" * 100))
        with pytest.raises(OSError, match="AF_UNIX path too long") as caught:
            use(path)
        assert path in "".join(caught.value.__notes__)

    def test_a_child_leaves_the_file_alone(self, context: BaseContext) -> None:
        with Listener() as listener:
            process = context.Process(target=connections.dial, args=(listener.address, None))
            process.start()
            listener.accept().close()
            process.join()
            assert process.exitcode == 0
            assert os.path.exists(listener.address)

    @needs_forks
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
                assert get_blocking(connection.fileno())
                assert connection.recv() == 1
        finally:
            socket.setdefaulttimeout(None)

    @needs_alarms
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


class TestTimes:
    def test_no_client_connects(self, family: str) -> None:
        with Listener(family=family, authkey=KEY) as listener:
            for timeout in (-1, 0, 0.01):
                with pytest.raises(TimeoutError, match="no connection was accepted at") as caught:
                    listener.accept(timeout)
                assert isinstance(caught.value, ProcessError)
                assert repr(listener.address) in str(caught.value)
            with dialling(connections.dial, listener.address, KEY, 1), listener.accept(50) as connection:
                assert connection.recv() == 1

    def test_no_thread_accepts(self, family: str) -> None:
        with leaks.leaves_nothing(), Listener(family=family, authkey=KEY) as listener:
            with pytest.raises(TimeoutError) as caught:
                Client(listener.address, authkey=KEY, timeout=0.05)
            assert repr(listener.address) in str(caught.value)

    def test_the_backlog_has_no_place(self) -> None:
        with Listener(backlog=0) as listener, Client(listener.address):
            for timeout in (0, 0.05):
                with pytest.raises(TimeoutError):
                    Client(listener.address, timeout=timeout)

    @needs_alarms
    def test_a_signal_does_not_end_the_wait_for_a_place(self) -> None:
        listener = Listener(backlog=0)
        first = Client(listener.address)

        def make_a_place(*_: object) -> None:
            listener.accept().close()

        before = signal.signal(signal.SIGALRM, make_a_place)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with Client(listener.address) as second, listener.accept() as accepted:
                second.send(1)
                assert accepted.recv() == 1
        finally:
            signal.signal(signal.SIGALRM, before)
            first.close()
            listener.close()

    @needs_unix_sockets
    def test_a_client_does_without_a_limit(self) -> None:
        with Listener() as listener, Client(listener.address, timeout=5) as client, listener.accept() as accepted:
            assert get_blocking(client.fileno()) and get_blocking(accepted.fileno())
            with socket.socket(fileno=duplicate(client.fileno())) as stream:
                assert stream.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16) == bytes(16)


class TestWaiting:
    """For a listener, by `wait` and selectors."""

    def test_it_is_ready_when_there_is_something_to_do(self) -> None:
        with Listener(authkey=KEY) as listener:
            assert wait([listener], 0) == []
            with dialling(connections.dial, listener.address, KEY, 1):
                connection = None
                while connection is None:
                    assert wait([listener], 50) == [listener]
                    with suppress(TimeoutError):
                        connection = listener.accept(0)
                with connection:
                    assert connection.recv() == 1

    def test_of_two_clients_none_is_forgotten(self) -> None:
        with Listener(backlog=2, authkey=KEY) as listener:
            with (
                dialling(connections.dial, listener.address, KEY, 1),
                dialling(connections.dial, listener.address, KEY, 1),
            ):
                for _ in range(2):
                    assert wait([listener], 50) == [listener]
                    with listener.accept() as connection:
                        assert connection.recv() == 1
            assert wait([listener], 0) == []

    def test_several_threads_accept(self) -> None:
        with Listener(backlog=8, authkey=KEY) as listener:
            got: list[int] = []

            def take() -> None:
                with listener.accept() as connection:
                    got.append(connection.recv())

            with dialling(take), dialling(take), dialling(take):
                for number in range(3):
                    connections.dial(listener.address, KEY, number)
            assert sorted(got) == [0, 1, 2]

    @pytest.mark.parametrize("threads", [1, 3])
    def test_closing_wakes_threads_in_accept(self, threads: int, family: str) -> None:
        listener = Listener(family=family, authkey=KEY)
        began = threading.Barrier(threads + 1)
        raised: list[BaseException] = []

        def take() -> None:
            began.wait()
            try:
                listener.accept()
            except OSError as error:
                raised.append(error)

        with ExitStack() as stack:
            for _ in range(threads):
                stack.enter_context(dialling(take))
            began.wait()
            listener.close()
        assert [str(error) for error in raised] == ["listener is closed"] * threads

    @needs_alarms
    def test_a_signal_handler_must_not_accept_in_the_middle(self) -> None:
        def nested(*_: object) -> None:
            listener.accept()

        before = signal.signal(signal.SIGALRM, nested)
        try:
            with Listener(authkey=KEY) as listener:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                with pytest.raises(StateError, match="in the middle of accept"):
                    listener.accept()
        finally:
            signal.signal(signal.SIGALRM, before)

    @needs_forks
    def test_a_forked_child_accepts_too(self) -> None:
        with Listener(authkey=KEY) as listener:
            with pytest.raises(TimeoutError):
                listener.accept(0)
            pid = os.fork()
            if pid == 0:
                try:
                    with listener.accept(50) as connection:
                        os._exit(connection.recv())
                finally:
                    os._exit(1)
            with Client(listener.address, authkey=KEY) as connection:
                connection.send(7)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            with dialling(connections.dial, listener.address, KEY, 1), listener.accept() as connection:
                assert connection.recv() == 1


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
                pytest.raises(AuthenticationError, match="digest received was wrong") as caught,
            ):
                listener.accept()
            user = os.getuid() if hasattr(os, "getuid") else 0
            assert f"process {os.getpid()} of user {user}, at {listener.address!r}" in str(caught.value)
            assert [str(error) for error in raised] == [
                f"digest sent was rejected: the listener at {listener.address!r}"
            ]
            assert isinstance(raised[0], AuthenticationError)
            with dialling(connections.dial, listener.address, KEY, 1), listener.accept() as connection:
                assert connection.recv() == 1
            del raised

    def test_a_client_tests_the_listener_too(self) -> None:
        with socket.create_server(("localhost", 0)) as server:

            def pretend() -> None:
                with server.accept()[0] as impostor:
                    impostor.sendall(connections.frame(b"#PROCESSING1#listener#" + bytes(32)))
                    assert impostor.recv(1000)
                    impostor.sendall(connections.frame(bytes(32)))
                    while impostor.recv(1000):
                        pass

            with (
                dialling(pretend) as raised,
                pytest.raises(AuthenticationError, match="digest received was wrong"),
            ):
                Client(server.getsockname(), authkey=KEY)
            assert raised == []


@pytest.mark.parametrize(
    ("address", "is_of"),
    [
        ("/a/file", "AF_UNIX"),
        ("\0a name", "AF_UNIX"),
        pytest.param(b"\0a name", "AF_UNIX", marks=needs_unix_sockets),
        (("localhost", 1), "AF_INET"),
        (("::1", 1), "AF_INET6"),
        (("::1", 1, 0, 0), "AF_INET6"),
        (r"\\.\pipe\name", "AF_PIPE"),
    ],
)
def test_address_types(address: Any, is_of: str) -> None:
    assert address_type(address) == is_of


def test_address_of_no_type() -> None:
    with pytest.raises(TypeError, match="address type of 12 unrecognized"):
        address_type(12)  # type: ignore[arg-type]


def test_a_socket_listener() -> None:
    with SocketListener(("localhost", 0), "AF_INET") as listener, Client(listener.address) as client:
        with listener.accept(20) as connection:
            client.send("word")
            assert connection.recv() == "word"
        assert listener.last_accepted[0] == "127.0.0.1"
    with pytest.raises(OSError, match="closed"):
        listener.accept()
