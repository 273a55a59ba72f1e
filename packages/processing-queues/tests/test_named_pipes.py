"""Windows' named pipes: what is hung up, and that no handle is lost, whatever a signal handler raises."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from processing_queues import Client, Connection, Listener
from processing_testing.harness.interruption_cases import Case, interrupt_everywhere

if sys.platform != "win32":
    pytest.skip("the system has no named pipes of this kind", allow_module_level=True)


def is_open(handle: int) -> bool:
    import _winapi

    try:
        _winapi.GetFileType(handle)
    except OSError:
        return False
    return True


def test_a_close_that_is_interrupted_is_done_by_the_next() -> None:
    from processing_queues._platform._windows_pipes import PipeSocket

    made: list[Any] = []
    handles: list[int] = []

    def call() -> None:
        made.append(PipeSocket())
        made[-1].bind(None)
        made[-1].listen(2)
        handles.extend(handle for handle, _ in made[-1]._listening)
        made[-1].close()

    def check() -> None:
        made[-1].close()
        assert not any(map(is_open, handles))
        handles.clear()

    interrupt_everywhere(lambda: Case(call, check, least=5), 1000)


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    """A listener's end of a pipe, and a client's."""
    with Listener(family="AF_PIPE", authkey=b"key") as listener:
        clients: list[Connection] = []
        thread = threading.Thread(target=lambda: clients.append(Client(listener.address, authkey=b"key")))
        thread.start()
        with listener.accept() as server:
            thread.join()
            with clients[0]:
                yield server, clients[0]


def raised_in_a_thread(call: Callable[[], object], then: Callable[[], object]) -> BaseException:
    """What a call raises that waits when the other one is made."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    then()
    thread.join(20)
    assert len(raised) == 1
    return raised[0]


@pytest.mark.parametrize("side", [0, 1])
class TestHangingUp:
    def test_a_thread_that_receives(self, ends: tuple[Connection, Connection], side: int) -> None:
        assert isinstance(raised_in_a_thread(ends[side].recv, ends[side]._hang_up), EOFError)
        with pytest.raises(EOFError):
            ends[side].recv()

    def test_a_thread_that_sends(self, ends: tuple[Connection, Connection], side: int) -> None:
        message = bytes(1 << 22)
        sends = raised_in_a_thread(lambda: ends[side].send_bytes(message), ends[side]._hang_up)
        assert isinstance(sends, BrokenPipeError)
        with pytest.raises(BrokenPipeError):
            ends[side].send(1)

    def test_the_other_side_gets_what_was_sent_before(self, ends: tuple[Connection, Connection], side: int) -> None:
        ours, theirs = ends[side], ends[1 - side]
        ours.send("last")
        ours._hang_up()
        ours.close()
        assert theirs.recv() == "last"
        with pytest.raises(EOFError):
            theirs.recv()

    def test_the_next_of_its_number_is_another(self, ends: tuple[Connection, Connection], side: int) -> None:
        from processing_queues._platform import get_blocking, set_blocking

        ours, theirs = ends[side], ends[1 - side]
        ours._hang_up()
        set_blocking(ours.fileno(), False)
        ours._handle, handle = None, ours.fileno()
        with Connection(handle) as again:
            again.send("here")
            assert theirs.recv() == "here"
            theirs.send("there")
            assert again.recv() == "there"
            assert get_blocking(handle)


def test_a_dropped_pipe_is_closed() -> None:
    from processing_queues._platform._windows_pipes import PipeSocket

    listening, client = PipeSocket(), PipeSocket()
    listening.bind(None)
    listening.listen(2)
    client.connect(listening.getsockname())
    accepted, _ = listening.accept()
    handles = [accepted.fileno(), client.fileno(), *(handle for handle, _ in listening._listening)]
    assert all(map(is_open, handles))
    del listening, client, accepted
    assert not any(map(is_open, handles))


def test_a_borrowed_pipe_stays_open(ends: tuple[Connection, Connection]) -> None:
    from processing_queues._platform import borrowed_stream

    with borrowed_stream(ends[0].fileno()):
        pass
    ends[0].send(1)
    assert ends[1].recv() == 1
