"""Messages pass through a pipe, whose bell rings for those who wait for descriptors."""

from __future__ import annotations

import os
import select
from typing import Any, NamedTuple

from processing_testing.crashing.scenario import Scenario, Tally, scenario


class Ends(NamedTuple):
    """Both ends of a simplex pipe, and how many operations the child finished."""

    receiver: Any
    sender: Any
    lock: Any
    done: Tally


def bell_rings(receiver: Any) -> bool:
    """What a selector sees, without asking for `fileno`."""
    poller = select.poll()
    poller.register(receiver._parts()[2], select.POLLIN)
    return bool(poller.poll(0))


class _Pipe(Scenario[Ends]):
    """Survivors hold both ends too, so that nobody hangs up: only the bell tells."""

    filled = 0
    slept = False
    exposed = False

    def prepare(self) -> Ends:
        ring = self.k.Queue(self.k.PIPE_MESSAGES, self.k.PIPE_BYTES)
        hearing, tolling = self.k.bell()
        world = Ends(
            self.k.PipeEnd(ring, None, hearing, -1), self.k.PipeEnd(None, ring, -1, tolling), self.k.Lock(), Tally()
        )
        if self.slept:
            assert not world.receiver.poll(0.01)
        for number in range(self.filled):
            world.sender.send([number, world.lock])
        if self.exposed:
            world.receiver.fileno()
        return world

    def drain(self, world: Ends, first: int) -> None:
        """Receive all, which are numbered on from *first* or the next; the bell is right at every moment."""
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
        if self.slept:  # whoever sleeps on the bell is awake if there is a message
            assert bell_rings(world.receiver) or not world.receiver._ready()
        if self.exposed:
            assert bell_rings(world.receiver) or not world.receiver._ready()
        before = world.done.value
        sent = 0
        while sent < before:
            assert world.receiver.recv()[0] == sent
            sent += 1
        self.drain(world, before)


@scenario
class PipeSend(_Send):
    """Nobody has slept: no bell rings."""


@scenario
class PipeSendToSleeper(_Send):
    """The first message must ring."""

    slept = True


@scenario
class PipeSendToSelector(_Send):
    """Likewise."""

    exposed = True


class _Receive(_Pipe):
    filled = 4
    count = 4

    def act(self, world: Ends) -> None:
        for _ in range(self.count):
            world.receiver.recv()
            world.done.add()

    def verify(self, world: Ends) -> None:
        if self.exposed:
            assert bell_rings(world.receiver) or not world.receiver._ready()
        self.drain(world, world.done.value)


@scenario
class PipeReceive(_Receive):
    """To the last message."""


@scenario
class PipeReceiveExposed(_Receive):
    """Who takes the last message silences the bell."""

    exposed = True


@scenario
class PipeSleep(_Pipe):
    """A receiver goes to sleep, and dies before or after; nobody wakes it."""

    def act(self, world: Ends) -> None:
        world.receiver.poll(0.007)
        world.receiver.poll(0.007)

    def verify(self, world: Ends) -> None:
        self.drain(world, 0)


@scenario
class PipeExpose(_Pipe):
    """A receiver exposes the bell with messages under way."""

    filled = 2

    def act(self, world: Ends) -> None:
        world.receiver.fileno()

    def verify(self, world: Ends) -> None:
        self.drain(world, 0)


@scenario
class PipeExposeSlept(PipeExpose):
    """The bell was in use before."""

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
class PutHeeded(Scenario[tuple[Any, Any, Tally]]):
    """A producer dies between its put and its call to those who listen: a look at the queue tells."""

    def prepare(self) -> tuple[Any, Any, Tally]:
        queue, ear = self.k.Queue(), self.k.Ear()
        assert not self.k.heed(queue)
        return queue, ear, Tally()

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        world[0].put(1)
        world[2].add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, ear, done = world
        heard = bool(select.select([ear], [], [], 0)[0])
        assert heard or not done.value, "who put it did not call"
        assert self.k.heed(queue) == (not queue.empty())
        while not queue.empty():
            queue.get()
        ear.drain()
        assert not self.k.heed(queue)
        queue.put(2)
        assert select.select([ear], [], [], 0)[0]
        assert queue.get() == 2
        ear.close()


@scenario
class Listen(Scenario[Any]):
    """A listener dies; its place in the table is free for another, and no put minds."""

    def prepare(self) -> Any:
        return self.k.Queue()

    def act(self, world: Any) -> None:
        ears = [self.k.Ear() for _ in range(3)]
        self.k.heed(world)
        world.put(os.getpid())
        ears.clear()

    def verify(self, world: Any) -> None:
        while not world.empty():
            world.get()
        ears = [self.k.Ear() for _ in range(64)]
        assert all(ear.fileno() >= 0 for ear in ears)
        assert not self.k.heed(world)
        world.put(1)
        assert len(select.select(ears, [], [], 0)[0]) == 64
        assert world.get() == 1
