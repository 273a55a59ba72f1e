"""Greenlets: one thread pickles several objects at a time, and continues them in any order.

An object's ``__reduce__`` may wait for a database, and gevent lets another greenlet run meanwhile.
"""

from __future__ import annotations

import gc
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import greenlet
import pytest

import processing
from processing_core import lowlevel
from processing_queues._platform import read as read_from
from processing_testing.children import connections

PROBE = "import greenlet; g = greenlet.greenlet(lambda: greenlet.getcurrent().parent.switch()); g.switch(); g.switch()"
if subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=False).returncode:
    pytest.skip("greenlet itself crashes on this interpreter", allow_module_level=True)

METHODS = processing.get_all_start_methods()


class Waits:
    """Lets another greenlet run while it is pickled, or unpickled."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __reduce__(self) -> Any:
        if self.what == "pickled":
            wait()
        return arrived, (self.what,)


def arrived(what: str) -> str:
    if what == "unpickled":
        wait()
    return what


def wait() -> None:
    parent = greenlet.getcurrent().parent
    if parent is not None:
        parent.switch()


def take_turns(*functions: Callable[[], object]) -> None:
    """Run the functions in greenlets, each until it waits, in turns."""
    running = [greenlet.greenlet(function) for function in functions]
    while running:
        for one in running:
            one.switch()
        running = [one for one in running if not one.dead]


@pytest.fixture
def no_cell_is_left() -> Iterator[None]:
    """The test must leave no cell."""
    processing.Lock()  # creates the family
    gc.collect()
    before = lowlevel.stats()["cells"]
    yield
    gc.collect()
    lowlevel.verify()
    assert lowlevel.stats()["cells"] <= before


@pytest.mark.usefixtures("no_cell_is_left")
@pytest.mark.parametrize("kind", [processing.Queue, processing.SimpleQueue, processing.LifoQueue])
def test_messages_own_their_handles(kind: Any) -> None:
    queue = kind()
    locks = [[processing.Lock() for _ in range(3)] for _ in range(4)]
    cells = {tuple(lock.cell for lock in some) for some in locks}
    take_turns(*(lambda some=some: queue.put([Waits("pickled"), some]) for some in locks))
    del locks[:]
    gc.collect()
    arrived = {tuple(lock.cell for lock in queue.get()[1]) for _ in range(4)}
    assert arrived == cells


@pytest.mark.usefixtures("no_cell_is_left")
def test_pipes_and_messages_that_wait_while_they_are_unpickled() -> None:
    queue, (reader, writer) = processing.Queue(), processing.Pipe(duplex=False)
    for number in range(2):
        queue.put([Waits("unpickled"), processing.Lock(), number])
        writer.send([Waits("unpickled"), processing.Lock(), number])
    got: list[Any] = []
    take_turns(*(lambda get=get: got.append(get()) for get in (queue.get, reader.recv, queue.get, reader.recv)))
    assert sorted(number for _, _, number in got) == [0, 0, 1, 1]
    for _, lock, _ in got:
        assert lock.acquire(timeout=5)


@pytest.mark.parametrize("method", METHODS)
def test_arguments_own_their_descriptors(method: str) -> None:
    """Two starts at once in one thread; each process gets its own end of a pipe of the system's."""
    context = processing.get_context(method)
    pairs = [lowlevel.open_pipe() for _ in range(2)]
    processes = [
        context.Process(target=connections.write_into, args=(write, Waits("pickled"), bytes([65 + i])))
        for i, (_, write) in enumerate(pairs)
    ]
    take_turns(*(process.start for process in processes))
    for process in processes:
        process.join(30)
    del processes, process
    gc.collect()
    for i, (read, _) in enumerate(pairs):
        assert read_from(read.fileno(), 10) == bytes([65 + i])


@pytest.mark.usefixtures("no_cell_is_left")
def test_pickles_of_handles_after_many_switches() -> None:
    queue: Any = processing.Queue()
    locks = [processing.Lock() for _ in range(20)]
    order = random.Random(5)

    def put() -> None:
        for _ in range(20):
            queue.put([Waits("pickled"), order.choice(locks), Waits("pickled")])

    take_turns(put, put, put)
    for lock in locks:
        assert pickle.loads(pickle.dumps(lock)) == lock
    for _ in range(60):
        assert queue.get()[1] in locks
