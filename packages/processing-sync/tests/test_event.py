from __future__ import annotations

import pickle
import threading
from collections.abc import Callable

from processing_sync import Event
from processing_testing.children.forking import Child
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]


class TestLikeThreading:
    def test_the_same_operations_have_the_same_outcomes(self) -> None:
        ours, model = Event(), threading.Event()
        for name in ("is_set", "set", "set", "is_set", "wait", "clear", "is_set", "clear", "set", "wait"):
            assert getattr(ours, name)() == getattr(model, name)(), name
        ours.clear()
        assert ours.wait(0.01) is False
        assert ours.wait(timeout=-1) is False

    def test_threads(self) -> None:
        event, seen = Event(), []
        threads = [threading.Thread(target=lambda: seen.append(event.wait(20))) for _ in range(5)]
        for thread in threads:
            thread.start()
        event.set()
        for thread in threads:
            thread.join()
        assert seen == [True] * 5


class TestBetweenProcesses:
    def test_set_releases_every_waiter(self, fork: Fork) -> None:
        event = Event()
        waiters = [fork(lambda line: (line.send("ready"), line.send(event.wait()))) for _ in range(5)]
        for waiter in waiters:
            waiter.receive()
            waiter.await_sleep()
        event.set()
        assert [waiter.receive() for waiter in waiters] == [True] * 5

    def test_a_waiter_goes_on_even_if_the_event_is_cleared_at_once(self, fork: Fork) -> None:
        event = Event()
        waiters = [fork(lambda line: (line.send("ready"), line.send(event.wait(20)))) for _ in range(3)]
        for waiter in waiters:
            waiter.receive()
            waiter.await_sleep()
            waiter.stop()
        event.set()
        event.clear()
        for waiter in waiters:
            waiter.go_on()
        assert [waiter.receive() for waiter in waiters] == [True] * 3
        assert not event.is_set()

    def test_a_dead_waiter_blocks_no_other(self, fork: Fork) -> None:
        event = Event()
        waiters = [fork(lambda line: (line.send("ready"), line.send(event.wait()))) for _ in range(3)]
        for waiter in waiters:
            waiter.receive()
            waiter.await_sleep()
        waiters[0].kill()
        event.set()
        assert [waiter.receive() for waiter in waiters[1:]] == [True] * 2

    def test_ping_pong(self, fork: Fork) -> None:
        ping, pong = Event(), Event()

        def answer(line: MessageSocket) -> None:
            for _ in range(300):
                assert ping.wait(20)
                ping.clear()
                pong.set()

        child = fork(answer)
        for _ in range(300):
            ping.set()
            assert pong.wait(20)
            pong.clear()
        assert child.join() == 0


def test_repr() -> None:
    event = Event()
    assert repr(event) == f"<Event at {id(event):#x} unset>"
    event.set()
    assert repr(event) == f"<Event at {id(event):#x} set>"
    assert str(Event) == "<class 'processing_sync.Event'>"


def test_a_pickle_is_another_handle() -> None:
    event = Event()
    pickle.loads(pickle.dumps(event)).set()
    assert event.is_set()


def test_names_of_old() -> None:
    class Other(Event):
        def is_set(self) -> bool:
            return True

    assert Event().isSet() is False
    assert Other().isSet() is True
