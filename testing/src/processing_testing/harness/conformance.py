"""Uses of the primitives and their outcomes, which must be the same for `threading`'s primitives and for ours.

Each *act* is a function that takes a library with the primitives; it returns outcomes that can be compared.  An error's
outcome names the class that a caller of `threading` would catch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

ACTS: dict[str, Callable[[Any], list[Any]]] = {}


def act(function: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """Register an act under its name."""
    ACTS[function.__name__] = function
    return function


def outcome(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call returns, or which of `threading`'s errors it raises."""
    try:
        return call(*args, **kwargs)
    except threading.BrokenBarrierError:
        return "broken"
    except (RuntimeError, ValueError):
        return "refused"
    except TypeError:
        return "TypeError"


def elsewhere(call: Callable[..., Any], *args: Any) -> Any:
    """The outcome of a call in another thread."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(outcome(call, *args)))
    thread.start()
    thread.join()
    return results[0]


def both(calls: list[Callable[[], Any]]) -> list[Any]:
    """The outcomes of the calls, each in a thread of its own."""
    results: list[Any] = [None] * len(calls)

    def run(place: int) -> None:
        results[place] = outcome(calls[place])

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@act
def lock(library: Any) -> list[Any]:
    """A lock in every state and spelling."""
    it = library.Lock()
    seen = [it.locked(), outcome(it.release), it.acquire(), it.locked(), it.acquire(False), it.acquire(timeout=0.01)]
    seen += [it.acquire(blocking=False), it.acquire(True, 0.01), elsewhere(it.acquire, False), elsewhere(it.release)]
    seen += [it.locked(), it.acquire(blocking=True, timeout=-1), it.release(), outcome(it.release)]
    with it as entered:
        seen += [entered, it.locked()]
    return [*seen, it.locked(), outcome(it.acquire, 1, 2, 3), outcome(it.acquire, timeout="x")]


@act
def rlock(library: Any) -> list[Any]:
    """A reentrant lock that is held several times, and other threads that try to acquire it."""
    it = library.RLock()
    seen = [outcome(it.release), it.acquire(), it.acquire(False), elsewhere(it.acquire, False), elsewhere(it.release)]
    seen += [it.release(), elsewhere(it.acquire, False), it.release(), outcome(it.release)]
    with it as entered, it:
        seen += [entered, elsewhere(it.acquire, True, 0.01)]
    return [*seen, elsewhere(it.acquire, False)]


@act
def semaphore(library: Any) -> list[Any]:
    """Permits that are acquired, released and added."""
    it = library.Semaphore(2)
    seen = [it.acquire(), it.acquire(blocking=False), it.acquire(False), it.acquire(timeout=0.01), it.release()]
    seen += [elsewhere(it.acquire, False), it.acquire(False), it.release(3), outcome(it.release, 0)]
    seen += [it.acquire(False) for _ in range(4)]
    return [*seen, outcome(library.Semaphore, -1), library.Semaphore().acquire(False)]


@act
def bounded(library: Any) -> list[Any]:
    """There are no more permits than at the beginning."""
    it = library.BoundedSemaphore(2)
    seen = [outcome(it.release), it.acquire(), it.acquire(False), it.acquire(False), elsewhere(it.release)]
    seen += [it.release(), outcome(it.release), it.acquire(), it.acquire(), it.release(2), outcome(it.release, 1)]
    return [*seen, outcome(library.BoundedSemaphore, -1)]


@act
def event(library: Any) -> list[Any]:
    """A flag, and threads that wait for it."""
    it = library.Event()
    seen = [it.is_set(), it.wait(0.01), it.set(), it.is_set(), it.wait(), it.wait(0), it.set(), it.clear(), it.is_set()]
    return [*seen, both([lambda: it.wait(30), lambda: it.wait(30), it.set]), it.wait(0)]


@act
def condition(library: Any) -> list[Any]:
    """Waiting with and without the lock."""
    it = library.Condition()
    seen = [outcome(it.wait, 0), outcome(it.notify), outcome(it.notify_all), it.acquire(), it.wait(0.01), it.notify()]
    seen += [it.notify_all(), it.wait_for(lambda: 7), it.wait_for(lambda: 0, 0.01), it.wait_for(list, timeout=0)]
    seen += [it.acquire(), it.release(), it.release(), outcome(it.release)]
    state: list[int] = []

    def take() -> bool:
        with it:
            return bool(it.wait_for(lambda: state and state.pop(), 30))

    def give() -> None:
        for n in (1, 2, 3):
            with it:
                state.append(n)
                it.notify(n)

    return [*seen, both([take, take, take, give]), state, elsewhere(it.notify)]


@act
def condition_on_lock(library: Any) -> list[Any]:
    """A condition on a lock that the caller passes and also uses by itself."""
    below = library.Lock()
    it = library.Condition(below)
    with it:
        seen = [below.locked(), below.acquire(False), it.wait(0.01)]
    return [*seen, below.locked(), outcome(it.notify)]


@act
def barrier(library: Any) -> list[Any]:
    """Threads that meet at a barrier, break it and reset it."""
    ran: list[int] = []
    it = library.Barrier(3, action=lambda: ran.append(1))
    seen: list[Any] = [it.parties, it.n_waiting, it.broken]
    seen += [sorted(both([it.wait] * 3)), ran[:], outcome(it.wait, 0.01), it.broken, outcome(it.wait)]
    seen += [it.reset(), it.broken, sorted(both([it.wait] * 3)), it.abort(), it.broken, outcome(it.wait, 1)]
    seen += [it.reset(), sorted(both([it.wait] * 3)), len(ran)]
    short = library.Barrier(2, timeout=0.01)
    return [*seen, outcome(short.wait), short.broken]


def check(name: str, wanted: list[Any], done: Any) -> None:
    """In a child: run an act with our primitives, and set the event if the outcomes are right."""
    import processing_sync

    assert ACTS[name](processing_sync) == wanted
    done.set()


def across(lock: Any, semaphore: Any, bounded: Any, event: Any, condition: Any, barrier: Any) -> None:
    """In a child: synchronize with the parent, which holds the lock, through each of the primitives."""
    assert not lock.acquire(False)
    event.set()
    assert lock.acquire(timeout=30)
    lock.release()
    assert semaphore.acquire(timeout=30)
    assert bounded.acquire(False)
    assert not bounded.acquire(False)
    with condition:
        condition.notify()
    barrier.wait(30)
    bounded.release()
