"""Every kind of synchronization once: a lock, an event, a condition, a semaphore, a barrier, a shared value and array.

python examples/synchronize.py
"""

from __future__ import annotations

from typing import Any

import processing


def add(total: processing.Value[int], count: int) -> None:
    """With the value's lock."""
    for _ in range(count):
        with total.get_lock():
            total.value += 1


def wait_for(event: processing.Event, started: processing.Semaphore) -> None:
    """Say that this process waits, and wait."""
    started.release()
    event.wait()


def take_turns(
    condition: processing.Condition, turn: processing.Value[int], number: int, order: processing.Array[Any]
) -> None:
    """Write this process's number when it is its turn."""
    with condition:
        condition.wait_for(lambda: turn.value == number)
        order[number] = number * 10
        turn.value += 1
        condition.notify_all()


def meet(barrier: processing.Barrier, last: processing.Value[int]) -> None:
    """Exactly one of those who meet is told that it is number 0."""
    if barrier.wait() == 0:
        last.add(1)


def run(*processes: processing.Process) -> None:
    """Start all, and join all."""
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def main() -> None:
    """Show one after the other."""
    total = processing.Value("i", 0)
    run(*(processing.Process(target=add, args=(total, 100)) for _ in range(3)))
    print("value:", total.value)

    event, started = processing.Event(), processing.Semaphore(0)
    waiter = processing.Process(target=wait_for, args=(event, started))
    waiter.start()
    started.acquire()
    event.set()
    waiter.join()
    print("event:", waiter.exitcode)

    condition, turn, order = processing.Condition(), processing.Value("i", 0), processing.Array("i", 3)
    run(*(processing.Process(target=take_turns, args=(condition, turn, n, order)) for n in (2, 0, 1)))
    print("condition:", order[:])

    barrier, last = processing.Barrier(3), processing.Value("i", 0)
    run(*(processing.Process(target=meet, args=(barrier, last)) for _ in range(3)))
    print("barrier:", last.value)


if __name__ == "__main__":
    main()
