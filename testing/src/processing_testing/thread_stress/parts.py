"""The parts of the stress, one or a few for each public class."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait as wait_for_futures
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import processing
from processing import shared_memory
from processing_core import lowlevel
from processing_testing.thread_stress.runner import Part, Work

PARTS: dict[str, Part] = {}
TIMEOUT = 30.0


def part(make: Callable[[], Iterator[Work]]) -> Callable[[], AbstractContextManager[Work]]:
    """Register a generator of one `Work` as a part, under its name."""
    PARTS[make.__name__] = contextmanager(make)
    return PARTS[make.__name__]


def expect(found: object, wanted: object) -> None:
    """:raises AssertionError: if *found* is not *wanted*."""
    if found != wanted:
        raise AssertionError(f"{found!r}, not {wanted!r}")


def square(x: int) -> int:
    """For pools."""
    return x * x


# -- primitives --


def _counting(lock: AbstractContextManager[object]) -> Work:
    """Count in two steps that no other thread may interrupt."""
    box = [0]

    def body(i: int) -> None:
        with lock:
            now = box[0]
            box[0] = now + 1

    return Work(body, lambda rounds: expect(box[0], rounds))


@part
def lock() -> Iterator[Work]:
    yield _counting(processing.Lock())


@part
def rlock() -> Iterator[Work]:
    lock = processing.RLock()

    class Nested:
        def __enter__(self) -> None:
            lock.acquire()
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()
            lock.release()

    yield _counting(Nested())


@part
def semaphores() -> Iterator[Work]:
    bounded, plain = processing.BoundedSemaphore(2), processing.Semaphore(3)

    def body(i: int) -> None:
        with bounded, plain:
            repr(bounded)
        bounded.locked()

    def check(rounds: int) -> None:
        expect((bounded.get_value(), plain.get_value()), (2, 3))

    yield Work(body, check)


@part
def condition() -> Iterator[Work]:
    condition, items = processing.Condition(), [0]

    def body(i: int) -> None:
        with condition:
            items[0] += 1
            condition.notify()
        with condition:
            assert condition.wait_for(lambda: items[0] > 0, TIMEOUT)
            items[0] -= 1

    yield Work(body, lambda rounds: expect(items[0], 0))


@part
def event() -> Iterator[Work]:
    event = processing.Event()

    def body(i: int) -> None:
        if i % 2:
            event.set()
            event.clear()
        else:
            event.wait(0.001)
            event.is_set()

    yield Work(body)


@part
def barrier() -> Iterator[Work]:
    barrier = processing.Barrier(2)

    def body(i: int) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(0.05)
        if barrier.broken:
            barrier.reset()

    yield Work(body)


@part
def handles() -> Iterator[Work]:
    """Objects that are created, dropped, copied, compared and sent through a queue."""
    box: processing.SimpleQueue[Any] = processing.SimpleQueue()
    shared = processing.Lock()

    def body(i: int) -> None:
        made = [processing.Lock(), processing.Value("i", 0), processing.Queue(), processing.Event()]
        box.put([shared, *made[:2]])
        got = box.get()
        expect(got[0], shared)
        expect(lowlevel.loads(lowlevel.dumps(made[0])), made[0])

    yield Work(body)


@part
def introspection() -> Iterator[Work]:
    lock = processing.Lock()

    def body(i: int) -> None:
        with lock:
            assert any(primitive.holders for primitive in processing.primitives())
            lowlevel.stats()
        processing.active_children()

    yield Work(body)


# -- queues and pipes --


def _passing(make: Callable[[], Any]) -> Iterator[Work]:
    """Each thread puts an item and gets any item: none is lost, and none is received twice."""
    box = make()
    put, got = [0] * 64, [0] * 64

    def body(i: int) -> None:
        put[i] += 1
        box.put((put[i], {"from": i, "data": [i, "x" * 10]}))
        item = box.get()
        got[i] += item[0]

    def check(rounds: int) -> None:
        expect(sum(got), sum(n * (n + 1) // 2 for n in put))
        assert box.empty()

    yield Work(body, check)


@part
def queues() -> Iterator[Work]:
    yield from _passing(processing.Queue)


@part
def bounded_queues() -> Iterator[Work]:
    yield from _passing(lambda: processing.Queue(20))


@part
def simple_queues() -> Iterator[Work]:
    yield from _passing(processing.SimpleQueue)


@part
def lifo_queues() -> Iterator[Work]:
    yield from _passing(processing.LifoQueue)


@part
def priority_queues() -> Iterator[Work]:
    box: processing.PriorityQueue[Any] = processing.PriorityQueue()

    def body(i: int) -> None:
        box.put((i, "x"))
        box.put_many([(i, "y"), (0, "z")])
        for _ in range(3):
            box.get(timeout=TIMEOUT)

    yield Work(body, lambda rounds: expect(box.qsize(), 0))


@part
def joinable_queues() -> Iterator[Work]:
    box: processing.JoinableQueue[int] = processing.JoinableQueue()

    def body(i: int) -> None:
        box.put(i)
        box.get()
        box.task_done()

    yield Work(body, lambda rounds: box.join())


@part
def many_at_once() -> Iterator[Work]:
    box: processing.Queue[Any] = processing.Queue()
    got = [0] * 64

    def body(i: int) -> None:
        box.put_many([1, [2], {"x": 3}, b"x" * 20_000])
        left = 4
        while left:
            found = len(box.get_many(left, timeout=TIMEOUT))
            got[i] += found
            left -= found
        box.qsize(), box.empty(), box.full()

    yield Work(body, lambda rounds: expect((sum(got), box.qsize()), (4 * rounds, 0)))


@part
def changing_containers() -> Iterator[Work]:
    """Containers that other threads change while a thread sends them."""
    items: list[Any] = list(range(100))
    table: dict[str, Any] = {str(i): i for i in range(100)}
    data = bytearray(b"x" * 50)

    def body(i: int) -> None:
        if i % 2:
            items.pop()
            items.append(i)
            table.pop("7", None)
            table["7"] = [i]
            with contextlib.suppress(BufferError):
                data.extend(b"x")
            if len(data) > 10_000:
                with contextlib.suppress(BufferError):
                    del data[50:]
        else:
            box: processing.SimpleQueue[Any] = processing.SimpleQueue()
            box.put(items)
            box.put(table)
            box.put(data)
            expect([type(box.get()) for _ in range(3)], [list, dict, bytearray])

    yield Work(body)


@part
def pipes() -> Iterator[Work]:
    a, b = processing.Pipe()

    def body(i: int) -> None:
        near, far = (a, b) if i % 2 else (b, a)
        near.send([i])
        near.poll()
        far.recv()  # no thread receives more than it has sent

    with a, b:
        yield Work(body)


@part
def pipes_closed() -> Iterator[Work]:
    """Ends that one thread closes while others use them."""
    ends = [processing.Pipe()]

    def body(i: int) -> None:
        a, b = ends[0]
        if i == 0:
            ends[0] = processing.Pipe()
            a.close()
            b.close()
            return
        with contextlib.suppress(OSError, EOFError, ValueError):
            a.send(i)
            b.recv()
            processing.wait([b], 0)
            b.send_bytes(b"x")
            a.recv_bytes()

    yield Work(body)
    for end in ends[0]:
        end.close()


@part
def waiting() -> Iterator[Work]:
    """`wait` for queues, by threads that fill them too."""
    boxes: list[processing.Queue[int]] = [processing.Queue() for _ in range(3)]

    def body(i: int) -> None:
        boxes[i % 3].put(i)
        for box in processing.wait(boxes, 1):
            with contextlib.suppress(queue.Empty):
                box.get(block=False)

    yield Work(body)


@part
def listeners() -> Iterator[Work]:
    """Connections accepted by two threads, made by the others."""
    with processing.Listener(authkey=b"key") as listener:

        def body(i: int) -> None:
            with processing.Client(listener.address, authkey=b"key") as connection:
                connection.send(i)
                expect(connection.recv(), i)

        serving = [threading.Thread(target=_serve, args=(listener,), daemon=True) for _ in range(2)]
        for thread in serving:
            thread.start()
        yield Work(body)


def _serve(listener: processing.Listener) -> None:
    with contextlib.suppress(OSError):
        while True:
            with contextlib.suppress(EOFError), listener.accept() as connection:
                connection.send(connection.recv())


# -- shared values --


@part
def values() -> Iterator[Work]:
    value, array = processing.Value("q", 0), processing.Array("q", 10)

    def body(i: int) -> None:
        value.add(1)
        with array.get_lock():
            array[i] += 1

    yield Work(body, lambda rounds: expect((value.value, sum(array)), (rounds, rounds)))


@part
def memory() -> Iterator[Work]:
    def body(i: int) -> None:
        made = shared_memory.SharedMemory(create=True, size=1000)
        other = shared_memory.SharedMemory(made.name)
        other.buf[0] = i
        expect(made.buf[0], i)
        other.close()
        made.close()
        made.unlink()
        names = shared_memory.ShareableList([i, "x"])
        expect(list(names), [i, "x"])
        names.shm.close()
        names.shm.unlink()

    yield Work(body)


@part
def blocks() -> Iterator[Work]:
    """Large buffers, which are sent in blocks of the arena."""
    box: processing.SimpleQueue[bytes] = processing.SimpleQueue()
    data = b"x" * 300_000

    def body(i: int) -> None:
        box.put(data)
        expect(len(box.get()), len(data))

    yield Work(body)


# -- managers --


@part
def managers() -> Iterator[Work]:
    with processing.Manager() as manager:
        names, table, numbers = manager.list(), manager.dict(), manager.Value("i", 0)
        lock, box = manager.Lock(), manager.Queue()

        def body(i: int) -> None:
            names.append(i)
            table[i] = names[-1]
            with lock:
                numbers.value += 1
            box.put(i)
            box.get()
            manager.list([i]).append(1)

        def check(rounds: int) -> None:
            expect((len(names), numbers.value, box.qsize()), (rounds, rounds, 0))

        yield Work(body, check)


# -- processes and pools --


@part
def processes() -> Iterator[Work]:
    def body(i: int) -> None:
        process = processing.Process(target=square, args=(i,))
        process.start()
        process.is_alive()
        process.join(TIMEOUT)
        expect(process.exitcode, 0)
        processing.active_children()

    yield Work(body)


@part
def pools() -> Iterator[Work]:
    with processing.Pool(2) as pool:

        def body(i: int) -> None:
            expect(pool.map(square, range(20)), [x * x for x in range(20)])
            results = [pool.apply_async(square, (x,)) for x in range(5)]
            expect([result.get(TIMEOUT) for result in results], [0, 1, 4, 9, 16])
            expect(sorted(pool.imap_unordered(square, range(10))), [x * x for x in range(10)])
            expect(list(pool.imap(square, range(10))), [x * x for x in range(10)])
            expect(pool.starmap(pow, [(2, i)]), [2**i])
            with contextlib.suppress(ZeroDivisionError):
                pool.apply(divmod, (1, 0))

        yield Work(body)


@part
def pools_ended() -> Iterator[Work]:
    """Pools that several threads create and end at the same time."""

    def body(i: int) -> None:
        with processing.Pool(1) as pool:
            expect(pool.map(square, [i]), [i * i])

    yield Work(body)


@part
def executors() -> Iterator[Work]:
    with processing.ProcessPoolExecutor(2) as executor:
        called = [0] * 64

        def body(i: int) -> None:
            futures = [executor.submit(square, x) for x in range(10)]
            done = threading.Event()
            futures[0].add_done_callback(lambda _: done.set())
            wait_for_futures(futures, TIMEOUT)
            expect(sum(future.result() for future in futures), 285)
            assert done.wait(TIMEOUT)
            expect(list(executor.map(square, range(3))), [0, 1, 4])
            executor.submit(square, 1).cancel()
            called[i] += 1

        yield Work(body, lambda rounds: expect(sum(called), rounds))
