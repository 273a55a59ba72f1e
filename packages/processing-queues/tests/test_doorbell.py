"""The descriptor of a local pipe's end: what selectors and asyncio see, and what `wait` sees of queues."""

from __future__ import annotations

import asyncio
import random
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from processing_core import BaseContext, ClosedError, HandleError
from processing_core.lowlevel import READABLE, open_pipe, polled_now
from processing_queues import Connection, JoinableQueue, LifoQueue, Pipe, PriorityQueue, Queue, SimpleQueue, wait
from processing_queues._platform import read
from processing_testing.children import connections, killing
from processing_testing.harness import leaks
from processing_testing.harness.mechanisms import needs_doorbells_opened_again, needs_selectable_pipes


def readable(fd: int) -> bool:
    """Whether a selector, or what stands for one, reports a descriptor as readable at once."""
    return bool(select.select([fd], [], [], 0)[0]) if hasattr(select, "poll") else polled_now(fd, READABLE)


@pytest.fixture(params=[True, False], ids=["duplex", "simplex"])
def duplex(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@needs_selectable_pipes
class TestSelectors:
    """`fileno` is readable exactly while there is a message, or the end."""

    def test_from_the_beginning(self, duplex: bool) -> None:
        receiver, sender = Pipe(duplex)
        fd = receiver.fileno()
        assert not readable(fd)
        for _ in range(3):
            sender.send(1)
            sender.send(2)
            assert readable(fd)
            receiver.recv()
            assert readable(fd)
            receiver.recv()
            assert not readable(fd)

    @pytest.mark.parametrize("slept", [True, False])
    @pytest.mark.parametrize("waiting", [0, 1, 3])
    def test_polled_later(self, duplex: bool, waiting: int, slept: bool) -> None:
        receiver, sender = Pipe(duplex)
        if slept:
            assert not receiver.poll(0.01)
        for number in range(waiting):
            sender.send(number)
        fd = receiver.fileno()
        for number in range(waiting):
            assert readable(fd)
            assert receiver.recv() == number
        assert not readable(fd)

    def test_the_end(self, duplex: bool) -> None:
        receiver, sender = Pipe(duplex)
        fd = receiver.fileno()
        sender.send("last")
        sender.close()
        assert readable(fd)
        assert receiver.recv() == "last"
        assert readable(fd)
        with pytest.raises(EOFError):
            receiver.recv()

    def test_a_copy_sees_the_same(self, context: BaseContext) -> None:
        """Another process, which does not know that this one selects, receives the messages."""
        receiver, sender = Pipe(False)
        fd = receiver.fileno()
        answers, theirs = Pipe(False)
        process = context.Process(target=connections.receive_and_tell, args=(receiver, theirs, 2))
        sender.send(1)
        sender.send(2)
        assert readable(fd)
        process.start()
        assert [answers.recv(), answers.recv()] == [1, 2]
        process.join()
        assert not readable(fd)
        sender.send(3)
        assert readable(fd)

    def test_poll_takes_no_message_and_hides_none(self, duplex: bool) -> None:
        receiver, sender = Pipe(duplex)
        fd = receiver.fileno()
        sender.send(1)
        assert receiver.poll() and receiver.poll(0.01) and wait([receiver], 0) == [receiver]
        assert readable(fd)
        assert receiver.recv() == 1
        assert not readable(fd)

    def test_a_selector_gets_every_message(self, context: BaseContext) -> None:
        receiver, sender = Pipe(False)
        process = context.Process(target=connections.send, args=(sender, *range(2000)))
        process.start()
        sender.close()
        got: list[int] = []
        with selectors.DefaultSelector() as selector:
            selector.register(receiver, selectors.EVENT_READ)
            with suppress(EOFError):
                while True:
                    assert selector.select(30)
                    got.append(receiver.recv())
        assert got == list(range(2000))
        process.join()

    def test_asyncio_gets_every_message(self, context: BaseContext) -> None:
        async def collect() -> list[int]:
            loop, done = asyncio.get_running_loop(), asyncio.Event()
            got: list[int] = []

            def arrived() -> None:
                try:
                    while ours.poll():
                        got.append(ours.recv())
                except EOFError:
                    loop.remove_reader(ours.fileno())
                    done.set()

            loop.add_reader(ours.fileno(), arrived)
            await asyncio.wait_for(done.wait(), 30)
            return got

        ours, theirs = Pipe()
        process = context.Process(target=connections.send, args=(theirs, *range(1000)))
        process.start()
        theirs.close()
        assert asyncio.run(collect()) == list(range(1000))
        process.join()

    @needs_doorbells_opened_again
    def test_no_doorbell_rings_while_no_process_waits(self) -> None:
        receiver, sender = Pipe(False)
        for number in range(10):
            sender.send(number)
        doorbell = receiver._parts()[2]  # type: ignore[attr-defined]
        assert not readable(doorbell)
        assert [receiver.recv() for _ in range(10)] == list(range(10))


class TestEnd:
    def test_of_a_killed_process_is_seen_within_a_second(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.send_pid_and_pause, args=(theirs,))
        process.start()
        theirs.close()
        pid = ours.recv()
        threading.Timer(0.1, killing.kill, (pid,)).start()
        begin = time.monotonic()
        with pytest.raises(EOFError):
            ours.recv()
        assert time.monotonic() - begin < 1.1
        with pytest.raises(BrokenPipeError):
            ours.send(1)
        process.join()

    def test_a_sender_without_room_learns_of_it(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.send_pid_and_pause, args=(theirs,))
        process.start()
        theirs.close()
        pid = ours.recv()
        threading.Timer(0.1, killing.kill, (pid,)).start()
        with pytest.raises(BrokenPipeError):
            connections.send_without_end(ours)
        process.join()

    def test_close_wakes_a_sender_without_room(self) -> None:
        receiver, sender = Pipe(False)
        timer = threading.Timer(0.1, receiver.close)
        timer.start()
        with pytest.raises(BrokenPipeError):
            connections.send_without_end(sender)
        timer.join()

    def test_close_in_another_thread_ends_a_wait(self) -> None:
        receiver, _sender = Pipe(False)
        timer = threading.Timer(0.1, receiver.close)
        timer.start()
        with pytest.raises(ClosedError):
            receiver.recv()
        timer.join()


QUEUES: list[Callable[[], Any]] = [Queue, SimpleQueue, JoinableQueue, LifoQueue, PriorityQueue]


class TestQueues:
    @pytest.mark.parametrize("make", QUEUES)
    def test_ready(self, make: Callable[[], Any]) -> None:
        queue, other = make(), make()
        things = [queue, other, queue._reader]
        assert wait(things, 0) == []
        assert wait(things, 0.01) == []
        queue.put(1)
        assert wait(things) == [things[0], things[2]]
        assert queue._reader.poll() and not other._reader.poll()
        assert queue._reader.recv() == 1
        assert wait(things, 0) == []

    @pytest.mark.parametrize("make", [Queue, SimpleQueue])
    def test_what_programs_find_as_its_ends(self, make: Callable[[], Any]) -> None:
        queue = make()
        queue._writer.send(1)
        assert queue._reader.recv() == 1
        assert not queue._reader.closed and not queue._writer.closed
        queue.close()
        assert queue._reader.closed and queue._writer.closed

    def test_mixed(self, context: BaseContext) -> None:
        queue: Queue[str] = Queue()
        receiver, sender = Pipe(False)
        ours, theirs = socket.socketpair()
        process = context.Process(target=connections.put_when_told, args=(queue, receiver))
        with ours, theirs, leaks.leaves_nothing():
            process.start()
            things: list[Any] = [process.sentinel, queue, ours]
            assert wait(things, 0.05) == []
            sender.send("word")
            assert wait(things, 30)[-1] is queue
            assert queue.get() == "word"
            theirs.send(b"!")
            assert ours in wait(things, 30)
            process.join()
            assert wait(things, 30) == [process.sentinel, ours]
            process.close()

    @pytest.mark.parametrize("make", [Queue, LifoQueue])
    def test_a_put_wakes_soon(self, make: Callable[[], Any]) -> None:
        """The put must end the wait, not the next periodic check."""
        queue = make()
        receiver, _sender = Pipe(False)
        delays = []
        for _ in range(5):
            timer = threading.Timer(0.05, lambda: queue.put(time.monotonic()))
            timer.start()
            assert wait([queue, receiver], 30) == [queue]
            delays.append(time.monotonic() - queue.get())
            timer.join()
        assert min(delays) < 0.3  # the periodic check comes after 0.4 s

    def test_each_thread_is_notified_of_its_queue(self) -> None:
        queues: list[Queue[int]] = [Queue() for _ in range(20)]
        received: list[int] = []

        def wait_and_get(number: int) -> None:
            assert wait([queues[number]], 30) == [queues[number]]
            received.append(queues[number].get())

        threads = [threading.Thread(target=wait_and_get, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for number, queue in enumerate(queues):
            queue.put(number)
        for thread in threads:
            thread.join()
        assert sorted(received) == list(range(20))

    def test_more_waiting_threads_than_observers(self) -> None:
        queue: Queue[int] = Queue()
        threads = [threading.Thread(target=wait, args=([queue], 30)) for _ in range(70)]
        with leaks.leaves_nothing():
            for thread in threads:
                thread.start()
            queue.put(1)
            for thread in threads:
                thread.join()
            queue.get()
            del thread
            threads.clear()

    @pytest.mark.parametrize("make", [Queue, PriorityQueue])
    def test_a_shutdown_is_something(self, make: Callable[[], Any]) -> None:
        queue = make()
        timer = threading.Timer(0.05, queue.shutdown)
        timer.start()
        assert wait([queue], 30) == [queue]
        timer.join()

    def test_a_closed_one(self) -> None:
        queue: Queue[int] = Queue()
        queue.close()
        with pytest.raises(ClosedError):
            wait([queue], 0)


class TestDescriptors:
    def test_travel(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.write_to_received, args=(theirs,))
        process.start()
        read_end, write_end = open_pipe()
        ours.send(write_end)
        write_end.close()
        assert read(read_end.fileno(), 100) == b"written"
        process.join()

    def test_sockets_travel(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.write_to_received, args=(theirs,))
        process.start()
        near, far = socket.socketpair()
        with near, far:
            ours.send(far)
            assert near.recv(100) == b"written"
        process.join()

    def test_one_whose_sender_died(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.send_a_descriptor_and_die, args=(theirs,))
        process.start()
        process.join()
        with pytest.raises(HandleError, match="is gone"):
            ours.recv()


@pytest.mark.attack
@pytest.mark.watchdog(400)
def test_kills_lose_no_message_but_the_victims(context: BaseContext, rounds: Callable[[int, int], int]) -> None:
    """Senders and receivers at the same ends are killed at random; what survives arrives once, whole, and in order."""
    receiver, sender = Pipe(False)
    reports, reporting = Pipe(False)
    chance = random.Random(7)
    victims = []
    for number in range(rounds(10, 200)):
        target, args = (
            (connections.send_numbered, (sender, number)) if number % 2 else (connections.relay, (receiver, reporting))
        )
        victim = context.Process(target=target, args=args)
        victim.start()
        victims.append(victim)
        if len(victims) > 4:
            chosen = victims.pop(chance.randrange(4))
            assert chosen.pid
            killing.kill(chosen.pid)
            chosen.join()
            check_order(reports, most=200)  # more reports arrive meanwhile
    for victim in victims:
        victim.kill()
        victim.join()
    check_order(reports, most=1 << 30)
    fd = receiver.fileno()
    while receiver.poll():
        assert readable(fd)
        receiver.recv()
    assert not readable(fd)
    for number in range(1000):
        sender.send([number] * 3)
        assert readable(fd)
        assert receiver.recv() == [number] * 3


def check_order(reports: Connection, most: int) -> None:
    """Each relayer must report messages in the order in which it received them."""
    while reports.poll() and (most := most - 1) >= 0:
        relayer, sender, number, payload = reports.recv()
        assert payload == bytes([number % 251]) * (number % 20_000)
        key = relayer, sender
        assert number > latest.get(key, -1)
        latest[key] = number
        assert (sender, number) not in seen
        seen.add((sender, number))


latest: dict[tuple[int, int], int] = {}
seen: set[tuple[int, int]] = set()


@pytest.fixture(autouse=True)
def _forget() -> None:
    latest.clear()
    seen.clear()
