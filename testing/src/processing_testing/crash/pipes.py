"""Processes that use a pipe are killed; the pipe's doorbell rings for processes that wait for descriptors."""

from __future__ import annotations

import os
import select
from typing import Any, NamedTuple

from processing_core.lowlevel import Descriptor
from processing_testing.crash.scenario import Scenario, Tally, scenario


class Ends(NamedTuple):
    """Both ends of a simplex pipe, and how many operations the child finished."""

    receiver: Any
    sender: Any
    lock: Any
    done: Tally


def doorbell_is_rung(receiver: Any) -> bool:
    """Whether a selector would report the descriptor; does not call `fileno`, which changes the pipe's state."""
    poller = select.poll()
    poller.register(receiver._parts()[2], select.POLLIN)
    return bool(poller.poll(0))


class _Pipe(Scenario[Ends]):
    """The survivor holds both ends too, so that a death closes neither: only the doorbell tells of a message."""

    filled = 0
    slept = False
    polled = False

    def prepare(self) -> Ends:
        ring = self.k.Queue(self.k.PIPE_MESSAGES, self.k.PIPE_BYTES)
        reading, writing = map(Descriptor, self.k.doorbell(ring))
        receiver, sender = self.k.PipeEnd(ring, None, reading, None), self.k.PipeEnd(None, ring, None, writing)
        world = Ends(receiver, sender, self.k.Lock(), Tally())
        if self.slept:
            assert not world.receiver.poll(0.01)
            assert not world.receiver._watch()  # on a busy machine the time is up before `poll` sleeps
        for number in range(self.filled):
            world.sender.send([number, world.lock])
        if self.polled:
            world.receiver.fileno()
        return world

    def drain(self, world: Ends, first: int) -> None:
        """Receive all messages, numbered from *first* or the next number on; the doorbell must always be right."""
        fd = world.receiver.fileno()
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        numbers = []
        while world.receiver.poll():
            assert poller.poll(0), "a message that no selector sees"
            numbers.append(world.receiver.recv()[0])
        assert not poller.poll(0), "a selector sees a message that is not there"
        assert not numbers or numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers
        assert not numbers or numbers[0] in (first, first + 1), (numbers, first)
        world.sender.send(["mine"])
        assert poller.poll(0)
        assert world.receiver.recv() == ["mine"]
        assert not poller.poll(0)
        world.sender.send_bytes(b"z" * 20_000)
        assert world.receiver.recv_bytes() == b"z" * 20_000
        assert not poller.poll(0)


class _Send(_Pipe):
    count = 3

    def act(self, world: Ends) -> None:
        for number in range(self.count):
            world.sender.send([number, world.lock])
            world.done.add()

    def verify(self, world: Ends) -> None:
        if self.slept:  # a process that sleeps on the doorbell is awake if there is a message
            assert doorbell_is_rung(world.receiver) or not world.receiver._ready()
        if self.polled:
            assert doorbell_is_rung(world.receiver) or not world.receiver._ready()
        before = world.done.value
        sent = 0
        while sent < before:
            assert world.receiver.recv()[0] == sent
            sent += 1
        self.drain(world, before)


@scenario
class PipeSend(_Send):
    """No process has slept, so no doorbell rings."""


@scenario
class PipeSendToSleeper(_Send):
    """The first message must ring the doorbell for a process that sleeps."""

    slept = True


@scenario
class PipeSendToSelector(_Send):
    """The first message must ring the doorbell for a process that polls it."""

    polled = True


class _Receive(_Pipe):
    filled = 4
    count = 4

    def act(self, world: Ends) -> None:
        for _ in range(self.count):
            world.receiver.recv()
            world.done.add()

    def verify(self, world: Ends) -> None:
        if self.polled:
            assert doorbell_is_rung(world.receiver) or not world.receiver._ready()
        self.drain(world, world.done.value)


@scenario
class PipeReceive(_Receive):
    """The process receives all messages."""


@scenario
class PipeReceivePolled(_Receive):
    """The process that takes the last message clears the doorbell."""

    polled = True


@scenario
class PipeSleep(_Pipe):
    """A receiver goes to sleep, and dies before or after; no process wakes it."""

    def act(self, world: Ends) -> None:
        world.receiver.poll(0.007)
        world.receiver.poll(0.007)

    def verify(self, world: Ends) -> None:
        self.drain(world, 0)


@scenario
class PipePoll(_Pipe):
    """A receiver begins to poll the doorbell with messages under way."""

    filled = 2

    def act(self, world: Ends) -> None:
        world.receiver.fileno()

    def verify(self, world: Ends) -> None:
        self.drain(world, 0)


@scenario
class PipePollSlept(PipePoll):
    """The doorbell was in use before."""

    slept = True


@scenario
class PipeBoth(_Pipe):
    """A child sends, sleeps, receives, and closes its ends; long messages go as parcels."""

    def act(self, world: Ends) -> None:
        for number in range(2):
            world.sender.send_bytes(bytes([number]) * 10_000)
            world.receiver.poll(0.001)
            assert world.receiver.recv_bytes() == bytes([number]) * 10_000
            world.receiver.poll(0)
            world.done.add()
        world.receiver.close()
        world.sender.close()

    def verify(self, world: Ends) -> None:
        left = 0
        while world.receiver.poll():
            assert len(world.receiver.recv_bytes()) == 10_000
            left += 1
        assert left <= 1
        self.drain(world, 0)


@scenario
class PutWatched(Scenario[tuple[Any, Any, Tally]]):
    """A producer dies between its put and its notification of the observers, which then find the item in the queue."""

    def prepare(self) -> tuple[Any, Any, Tally]:
        queue, observer = self.k.Queue(), self.k.Observer()
        assert not queue._watch(observer)
        return queue, observer, Tally()

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        world[0].put(1)
        world[2].add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, observer, done = world
        notified = bool(select.select([observer], [], [], 0)[0])
        assert notified or not done.value, "the producer did not notify the observer"
        assert queue._watch(observer) == (not queue.empty())
        while not queue.empty():
            queue.get()
        observer.take()
        assert not queue._watch(observer)
        queue.put(2)
        assert select.select([observer], [], [], 0)[0]
        assert queue.get() == 2
        observer.close()


@scenario
class Watch(Scenario[Any]):
    """An observer dies; its entry in the table can be reused, and no put fails."""

    def prepare(self) -> Any:
        return self.k.Queue()

    def act(self, world: Any) -> None:
        observers = [self.k.Observer() for _ in range(3)]
        for observer in observers:
            world._watch(observer)
        world.put(os.getpid())
        observers.clear()

    def verify(self, world: Any) -> None:
        while not world.empty():
            world.get()
        observers = [self.k.Observer() for _ in range(64)]
        assert all(observer.fileno() >= 0 for observer in observers)
        assert not any(world._watch(observer) for observer in observers)
        world.put(1)
        told = len(select.select(observers, [], [], 0)[0])
        assert told == 64, told
        assert world.get() == 1
