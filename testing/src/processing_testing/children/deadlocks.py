"""Programs that are in a deadlock, and programs that only look so.

``python -m processing_testing.children.deadlocks NAME`` runs one.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import processing_core
from processing_core import lowlevel
from processing_pool import Pool
from processing_queues import JoinableQueue, Pipe, PriorityQueue, Queue
from processing_sync import Barrier, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore

LONG = 60.0
"""Seconds that a busy program lasts if it is not ended."""


def run(*calls: tuple[Any, ...]) -> None:
    """Run functions in processes, and join these one after another."""
    context = processing_core.get_context("fork")
    processes = [context.Process(target=call[0], args=call[1:], daemon=True) for call in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def hold_and_want(first: Any, second: Any, met: Any) -> None:
    """Take the first; when all have taken theirs, the second."""
    first.acquire()
    met.wait()
    second.acquire()


def _crossed(make: Callable[[], Any], n: int) -> None:
    locks, met = [make() for _ in range(n)], Barrier(n)
    run(*((hold_and_want, locks[i], locks[(i + 1) % n], met) for i in range(n)))


def two_locks() -> None:
    _crossed(Lock, 2)


def three_in_a_ring() -> None:
    _crossed(Lock, 3)


def reentrant_locks() -> None:
    _crossed(RLock, 2)


def join_of_one_that_waits_for_a_queue() -> None:
    run((Queue.get, Queue()))


def _put_two(queue: Any, lock: Any) -> None:
    with lock:
        queue.put(1)
        queue.put(2)


def _get_under(queue: Any, lock: Any, full: Any) -> None:
    while not queue.full():
        time.sleep(0.01)
    with lock:
        queue.get()


def full_queue_whose_consumer_waits() -> None:
    queue: Queue[int] = Queue(1)
    lock = Lock()
    run((_put_two, queue, lock), (_get_under, queue, lock, None))


def _put_all(put: Callable[[Any], None], objects: list[Any], lock: Any, held: Any) -> None:
    with lock:
        held.set()
        for item in objects:
            put(item)


def _receive_under(receive: Callable[[], Any], lock: Any, held: Any) -> None:
    held.wait()
    with lock:
        receive()


def _locked_consumer(put: Callable[[Any], None], receive: Callable[[], Any], objects: list[Any]) -> None:
    """The last of the objects has no room, and the consumer wants a lock that the producer holds."""
    lock, held = Lock(), Event()
    run((_put_all, put, objects, lock, held), (_receive_under, receive, lock, held))


def object_larger_than_the_room() -> None:
    queue: Queue[bytes] = Queue(max_bytes=10_000)
    _locked_consumer(queue.put, queue.get, [bytes(4000), bytes(7000)])


def more_items_than_room() -> None:
    queue: Queue[int] = Queue(4)
    _locked_consumer(queue.put_many, queue.get, [[1, 2], [3, 4, 5]])


def ordered_object_larger_than_the_room() -> None:
    queue: PriorityQueue[bytes] = PriorityQueue(max_bytes=10_000)
    _locked_consumer(queue.put, queue.get, [bytes(4000), bytes(7000)])


def message_larger_than_the_room_of_a_pipe() -> None:
    receiving, sending = Pipe(duplex=False)
    _locked_consumer(sending.send_bytes, receiving.recv_bytes, [bytes(lowlevel.PIPE_BYTES * 2 // 3)] * 2)


def _wait_for(condition: Any) -> None:
    with condition:
        condition.wait()


def condition_without_notifier() -> None:
    run((_wait_for, Condition()))


def _take(lock: Any) -> None:
    with lock:
        pass


def pool_whose_task_waits_for_its_caller() -> None:
    lock = Lock()
    with lock, Pool(2, context=processing_core.get_context("fork")) as pool:
        pool.map(_take, [lock, lock], 1)


def lock_taken_twice() -> None:
    lock = Lock()
    lock.acquire()
    lock.acquire()


def event_that_nobody_sets() -> None:
    event = Event()
    run((event.wait,), (event.wait,))


def barrier_with_too_few() -> None:
    barrier = Barrier(3)
    run((barrier.wait,), (barrier.wait,))


def _two_permits(semaphore: Any, met: Any) -> None:
    hold_and_want(semaphore, semaphore, met)


def permits_that_all_hold() -> None:
    semaphore = BoundedSemaphore(2)
    met = Barrier(2)
    run((_two_permits, semaphore, met), (_two_permits, semaphore, met))


def _receive(connection: Any, other: Any) -> None:
    connection.recv()


def pipe_whose_ends_both_receive() -> None:
    a, b = Pipe()
    run((_receive, a, b), (_receive, b, a))


def join_of_an_unfinished_queue() -> None:
    queue: JoinableQueue[int] = JoinableQueue()
    queue.put(1)
    run((queue.join,))


def reentrant_locks_of_two_threads() -> None:
    locks, met = [RLock(), RLock()], threading.Barrier(2)
    threading.Thread(target=hold_and_want, args=(locks[0], locks[1], met)).start()
    hold_and_want(locks[1], locks[0], met)


def _pass_on(source: Any, target: Any) -> None:
    target.put(source.get())


def queues_that_feed_each_other() -> None:
    a: Queue[int] = Queue()
    b: Queue[int] = Queue()
    run((_pass_on, a, b), (_pass_on, b, a))


def _get_for_ever(queue: Any) -> None:
    while True:
        queue.get()


def consumer_that_reports_nothing() -> None:
    queue: JoinableQueue[int] = JoinableQueue()
    queue.put(1)
    processing_core.get_context("fork").Process(target=_get_for_ever, args=(queue,), daemon=True).start()
    queue.join()


def _get_with(lock: Any, held: Any, queue: Any) -> None:
    with lock:
        held.set()
        queue.get()


def lock_held_by_one_that_waits_for_a_queue() -> None:
    lock, held, queue = Lock(), Event(), Queue[int]()
    process = processing_core.get_context("fork").Process(target=_get_with, args=(lock, held, queue), daemon=True)
    process.start()
    held.wait()
    with lock:
        queue.put(1)


DEADLOCKS = [
    two_locks,
    three_in_a_ring,
    reentrant_locks,
    join_of_one_that_waits_for_a_queue,
    full_queue_whose_consumer_waits,
    object_larger_than_the_room,
    more_items_than_room,
    ordered_object_larger_than_the_room,
    message_larger_than_the_room_of_a_pipe,
    condition_without_notifier,
    pool_whose_task_waits_for_its_caller,
    lock_taken_twice,
    event_that_nobody_sets,
    barrier_with_too_few,
    permits_that_all_hold,
    pipe_whose_ends_both_receive,
    join_of_an_unfinished_queue,
    reentrant_locks_of_two_threads,
    queues_that_feed_each_other,
    consumer_that_reports_nothing,
    lock_held_by_one_that_waits_for_a_queue,
]


# -- programs that go on --------------------------------------------------------------------------------


def _sleep(*_: Any) -> None:
    time.sleep(LONG)


def _hold(lock: Any) -> None:
    with lock:
        _sleep()


def join_of_one_that_sleeps() -> None:
    run((_sleep,))


def lock_of_one_that_sleeps() -> None:
    lock = Lock()
    run((_hold, lock), (_take, lock), (_take, lock))


def consumer_of_a_slow_producer() -> None:
    queue: Queue[int] = Queue()
    run((Queue.get, queue), (_sleep, queue))


def pool_of_slow_tasks() -> None:
    with Pool(2, context=processing_core.get_context("fork")) as pool:
        pool.map(_sleep, [1, 2, 3], 1)


def pool_without_tasks() -> None:
    with Pool(2, context=processing_core.get_context("fork")):
        _sleep()


def event_set_by_a_thread() -> None:
    event = Event()
    threading.Timer(LONG, event.set).start()
    event.wait()


def wait_with_a_timeout() -> None:
    Event().wait(LONG)


def _give(semaphore: Any) -> None:
    _sleep()
    semaphore.release()


def semaphore_as_a_signal() -> None:
    semaphore = Semaphore(0)
    run((semaphore.acquire,), (_give, semaphore))


def pipe_of_a_slow_sender() -> None:
    a, b = Pipe()
    run((_receive, a, b), (_sleep, b))


def handle_on_its_way() -> None:
    """The event is in a queue: a process that gets it may set it."""
    queue: Queue[Any] = Queue()
    event = Event()
    queue.put(event)
    context = processing_core.get_context("fork")
    context.Process(target=_sleep_and_set, args=(queue,), daemon=True).start()
    event.wait()


def _sleep_and_set(queue: Any) -> None:
    time.sleep(LONG)
    queue.get().set()


def event_set_by_a_signal() -> None:
    event = Event()
    signal.signal(signal.SIGTERM, lambda *_: event.set())
    event.wait()


def _take_turns(lock: Any) -> None:
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        with lock:
            time.sleep(0.001)


def turns_at_a_lock() -> None:
    lock = Lock()
    run(*[(_take_turns, lock)] * 3)


def _notify_late(condition: Any) -> None:
    _sleep()
    with condition:
        condition.notify()


def condition_of_a_slow_notifier() -> None:
    condition = Condition()
    run((_wait_for, condition), (_notify_late, condition))


def _put_for_ever(queue: Any, size: int) -> None:
    while True:
        queue.put(bytes(size))


def _get_slowly(queue: Any) -> None:
    while True:
        queue.get()
        time.sleep(0.6)  # more than a slice


def large_objects_of_slow_producers() -> None:
    queue: Queue[bytes] = Queue(max_bytes=10_000)
    run((_put_for_ever, queue, 7000), (_put_for_ever, queue, 2500), (_get_slowly, queue))


BUSY = [
    join_of_one_that_sleeps,
    lock_of_one_that_sleeps,
    consumer_of_a_slow_producer,
    pool_of_slow_tasks,
    pool_without_tasks,
    event_set_by_a_thread,
    wait_with_a_timeout,
    semaphore_as_a_signal,
    pipe_of_a_slow_sender,
    handle_on_its_way,
    event_set_by_a_signal,
    turns_at_a_lock,
    condition_of_a_slow_notifier,
    large_objects_of_slow_producers,
]


if __name__ == "__main__":
    globals()[sys.argv[1]]()
