"""``JoinableQueue``: what `Queue` does not do."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable

import pytest

import processing_core
from processing_core import BaseContext
from processing_queues import Empty, Full, JoinableQueue, Queue
from processing_testing.children import traffic
from processing_testing.harness.mechanisms import needs_alarms
from processing_testing.harness.rendezvous import Rendezvous


def joined(queue: JoinableQueue[object], timeout: float = 0) -> bool:
    """Whether a join returns in time."""
    return queue._join(timeout)


class TestCount:
    def test_counts_what_was_put(self) -> None:
        queue: JoinableQueue[object] = JoinableQueue()
        assert joined(queue)
        queue.put(1)
        queue.put_many([2, 3])
        for _ in range(3):
            assert not joined(queue)
            queue.get()
            assert not joined(queue)
            queue.task_done()
        assert joined(queue)
        queue.join()

    def test_too_many_are_refused(self) -> None:
        queue: JoinableQueue[object] = JoinableQueue()
        with pytest.raises(ValueError, match="too many"):
            queue.task_done()
        queue.put(1)
        queue.task_done()  # as in `queue`: the item need not have been received
        with pytest.raises(ValueError, match="too many"):
            queue.task_done()
        assert joined(queue)

    def test_what_was_not_put_is_no_task(self) -> None:
        queue: JoinableQueue[object] = JoinableQueue(1)
        with pytest.raises(TypeError):
            queue.put(threading.Lock())
        assert joined(queue)
        queue.put(1)
        with pytest.raises(Full):
            queue.put_nowait(2)
        queue.get()
        queue.task_done()
        assert joined(queue)

    def test_is_a_queue(self) -> None:
        queue: JoinableQueue[int] = JoinableQueue(2)
        assert isinstance(queue, Queue)
        queue.put(1)
        queue.putNoWait(2)
        assert (queue.full(), queue.qsize()) == (True, 2)
        assert (queue.get(), queue.getNoWait()) == (1, 2)
        with pytest.raises(Empty):
            queue.get_nowait()

    def test_after_close(self) -> None:
        queue: JoinableQueue[object] = JoinableQueue()
        queue.put(1)
        queue.get()
        queue.close()
        queue.task_done()
        queue.join()
        with pytest.raises(ValueError, match="too many"):
            queue.task_done()

    def test_threads(self) -> None:
        queue: JoinableQueue[object] = JoinableQueue()
        threads = [threading.Thread(target=traffic.finish_tasks, args=(queue, 500)) for _ in range(3)]
        threads += [threading.Thread(target=traffic.put_range, args=(queue, number, 500)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        queue.join()
        with pytest.raises(ValueError, match="too many"):
            queue.task_done()

    @pytest.mark.parametrize("name", [None, *processing_core.get_all_start_methods()])
    def test_contexts_offer_it(self, name: str | None) -> None:
        assert isinstance(processing_core.get_context(name).JoinableQueue(3), JoinableQueue)


class TestJoin:
    def test_across_processes(self, context: BaseContext) -> None:
        queue: JoinableQueue[object] = JoinableQueue()
        processes = [context.Process(target=traffic.finish_tasks, args=(queue, 200)) for _ in range(3)]
        for process in processes:
            process.start()
        for number in range(600):
            queue.put(number)
        queue.join()
        assert queue.empty()
        for process in processes:
            process.join()
            assert process.exitcode == 0

    def test_wakes_every_joiner(self) -> None:
        queue: JoinableQueue[object] = JoinableQueue()
        queue.put(1)
        threads = [threading.Thread(target=queue.join) for _ in range(3)]
        for thread in threads:
            thread.start()
        queue.get()
        queue.task_done()
        for thread in threads:
            thread.join()

    def test_in_a_child(self, context: BaseContext) -> None:
        queue: JoinableQueue[object] = JoinableQueue()
        queue.put(1)
        process = context.Process(target=traffic.join, args=(queue,))
        process.start()
        process.join(0.1)
        assert process.is_alive()
        queue.get()
        queue.task_done()
        process.join()
        assert process.exitcode == 0

    def test_the_task_of_a_dead_worker_stays_undone(self, context: BaseContext) -> None:
        queue: JoinableQueue[object] = JoinableQueue()
        queue.put(1)
        process = context.Process(target=traffic.get_one, args=(queue,))
        process.start()
        process.join()
        assert not joined(queue, 0.1)
        queue.task_done()  # on behalf of the dead worker
        assert joined(queue)

    @needs_alarms
    def test_a_signal_handler_that_raises_interrupts(self) -> None:
        queue: JoinableQueue[object] = JoinableQueue()
        queue.put(1)

        def interrupt(*_: object) -> None:
            raise InterruptedError("by the test")

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        try:
            with pytest.raises(InterruptedError, match="by the test"):
                queue.join()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


@pytest.mark.attack
@pytest.mark.watchdog(300)
def test_kills_do_not_set_the_count_wrong(
    context: BaseContext, rendezvous: Rendezvous, rounds: Callable[[int, int], int]
) -> None:
    """Each victim dies with at most one task undone: the survivor, finishing what is left, finds no more than that."""
    queue: JoinableQueue[object] = JoinableQueue()
    chance = random.Random(5)
    victims = 0
    for _ in range(rounds(3, 100)):
        processes = [
            context.Process(target=traffic.put_and_finish_for_ever, args=(queue, rendezvous.address)) for _ in "ab"
        ]
        for process in processes:
            process.start()
        for _ in processes:
            assert rendezvous.receive() == "here"
        for process in processes:
            process.join(chance.random() * 0.02)
            process.kill()
            process.join()
            process.close()
            victims += 1
    undone = 0
    while not joined(queue):
        queue.task_done()
        undone += 1
    assert undone <= victims
    assert queue.qsize() <= victims
    with pytest.raises(ValueError, match="too many"):
        queue.task_done()
