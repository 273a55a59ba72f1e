"""An interrupt at every point of every public blocking call: no lock stays held, no item is lost, all stays usable."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

import processing
from processing import dummy
from processing_core import lowlevel
from processing_testing.children import functions as children
from processing_testing.children.interrupting import Interrupt
from processing_testing.harness import leaks, processes
from processing_testing.harness.attack import rounds
from processing_testing.harness.interruption_cases import WAIT, Case, from_another_thread, interrupt_everywhere
from processing_testing.harness.interruption_points import each_point

# -- primitives ------------------------------------------------------------------------------------


def free(lock: Any) -> None:
    def take() -> bool:
        taken = lock.acquire(timeout=WAIT)
        lock.release()
        return bool(taken)

    assert from_another_thread(take)


def condition() -> Case:
    it = processing.Condition()

    def call() -> None:
        with it:
            it.wait_for(lambda: False, 0.001)
            it.notify_all()

    return Case(call, partial(free, it))


def barrier() -> Case:
    it = processing.Barrier(1, action=lambda: None)

    def check() -> None:
        if it.broken:  # the action was interrupted
            it.reset()
        assert from_another_thread(lambda: it.wait(WAIT)) == 0
        assert it.n_waiting == 0

    return Case(it.wait, check, least=20)


def barrier_reset() -> Case:
    it = processing.Barrier(2)

    def call() -> None:
        it.abort()
        it.reset()

    def check() -> None:
        it.reset()
        thread = threading.Thread(target=it.wait, args=(WAIT,))
        thread.start()
        it.wait(WAIT)
        thread.join()

    return Case(call, check, least=10)


# -- queues ----------------------------------------------------------------------------------------


def queue_of(kind: Any) -> Case:
    """An item that was put is there once, unless the interrupted get took it; one that was not put is not there."""
    it = kind()
    known: set[int] = set()
    number = iter(range(10**9))

    def call() -> None:
        for _ in range(2):
            known.add(item := next(number))
            it.put(item)
        it.put_many([next(number), next(number)]) if hasattr(it, "put_many") else None
        known.discard(it.get())

    def check() -> None:
        it.put(-1)
        got = []
        while not got or not it.empty():
            got.append(from_another_thread(lambda: it.get()))
        assert len(got) == len(set(got)) and got.count(-1) == 1
        if hasattr(it, "task_done"):
            while it._unfinished_tasks if hasattr(it, "_unfinished_tasks") else False:
                it.task_done()
        known.clear()

    return Case(call, check, least=0)


def joinable() -> Case:
    """Each item that was received can be marked as done, and then `join` returns."""
    it: Any = processing.JoinableQueue()

    def call() -> None:
        it.put(1)
        it.get()
        it.task_done()
        it.join()

    def check() -> None:
        it.put(-1)
        while it.get(timeout=WAIT) != -1:
            pass
        with suppress(ValueError):  # all items are marked as done
            while True:
                it.task_done()
        assert from_another_thread(lambda: it.join() or True)

    return Case(call, check, least=0)


def pipe() -> Case:
    one, other = processing.Pipe()

    def call() -> None:
        one.send(["object", 1])
        other.recv()
        one.send_bytes(b"bytes")
        other.recv_bytes()
        one.poll(0.001)

    def end() -> None:
        one.close()
        other.close()

    return Case(call, lambda: _check_pipe(one, other), end, least=0)


def _check_pipe(one: Any, other: Any) -> None:
    while other.poll():
        other.recv_bytes()
    one.send("last")
    assert from_another_thread(other.recv) == "last"


def stream() -> Case:
    """A connection over a socket: after an interrupt the next message begins where it should."""
    pair = socket.socketpair()
    one, other = (processing.connection.Connection(end.detach()) for end in pair)

    def call() -> None:
        one.send_bytes(b"x" * 1000)
        other.recv_bytes()

    def check() -> None:
        one.send_bytes(b"last")
        got = b""
        while got != b"last":
            got = from_another_thread(other.recv_bytes)
            assert got in (b"last", b"x" * 1000)

    def end() -> None:
        one.close()
        other.close()

    return Case(call, check, end, least=20)


def waiting() -> Case:
    queue: Any = processing.Queue()
    one, other = processing.Pipe()

    def call() -> None:
        processing.connection.wait([queue, one], 0.001)

    def check() -> None:
        queue.put(1)
        assert processing.connection.wait([queue, one], WAIT) == [queue]
        assert queue.get() == 1

    def end() -> None:
        one.close()
        other.close()

    return Case(call, check, end, least=5)


def listening() -> Case:
    listener = processing.connection.Listener(authkey=b"key")

    def connect() -> None:
        with processing.connection.Client(listener.address, authkey=b"key") as client:
            client.send("hello")
            client.recv()

    threads: list[threading.Thread] = []

    def call() -> None:
        threads.append(threading.Thread(target=_quietly, args=(connect,)))
        threads[-1].start()
        with listener.accept() as connection:
            connection.recv()
            connection.send("hello")

    def check() -> None:
        # A client whose accept was interrupted may still wait; the next accept takes it.
        for thread in threads:
            while thread.is_alive():
                try:
                    listener.accept(0.05).close()
                except processing.TimeoutError:
                    thread.join(0.05)
        threads.clear()
        call()
        threads.pop().join(WAIT)

    return Case(call, check, listener.close, least=50)


def _quietly(function: Callable[[], object]) -> None:
    try:
        function()
    except (OSError, EOFError, processing.ProcessError):
        pass


# -- values and managers ---------------------------------------------------------------------------


def value() -> Case:
    it = processing.Value("i", 0)

    def call() -> None:
        with it.get_lock():
            it.value += 1

    return Case(call, lambda: free(it.get_lock()), least=0)


def managed(method: str) -> Case:
    context: Any = processing.get_context(method)
    manager = context.Manager()
    shared, queue = manager.dict(), manager.Queue()
    locks = manager.Lock(), manager.RLock(), manager.BoundedSemaphore(1), manager.Condition()
    numbers, begun = iter(range(10**9)), [""]

    def call() -> None:
        shared["x"] = 1
        made = manager.list([1, 2])
        made.append(shared["x"])
        del made
        for lock in locks:
            with lock:
                pass
        with locks[-1]:
            locks[-1].wait(0.001)
        begun[:] = ["put", number := next(numbers)]
        queue.put(number)
        begun[0] = "get"
        assert queue.get() == number
        begun[0] = "got"

    def check() -> None:
        shared["y"] = 2
        assert from_another_thread(lambda: shared["y"]) == 2
        for lock in locks:
            assert from_another_thread(lambda lock=lock: lock.acquire(False) and not lock.release())
        left = []
        while not queue.empty():
            left.append(queue.get())
        assert left in {"put": [[], begun[1:]], "get": [begun[1:]]}.get(begun[0], [[]]), (begun, left)
        begun[:] = [""]

    def end() -> None:
        manager.shutdown()

    return Case(call, check, end, least=100)


def memory() -> Case:
    """A creation that was interrupted leaves no name of a block behind."""
    names: list[str] = []

    def call() -> None:
        block = processing.shared_memory.SharedMemory(create=True, size=100)
        names.append(block.name)
        block.close()
        block.unlink()
        names.clear()

    def check() -> None:
        for name in names:
            try:
                block = processing.shared_memory.SharedMemory(name)
            except FileNotFoundError:
                continue
            block.close()
            block.unlink()
        names.clear()
        call()

    return Case(call, check, least=10)


# -- threads ---------------------------------------------------------------------------------------


def threads() -> Case:
    """`processing.dummy`: processes, queue and pool that are threads."""
    pool = dummy.Pool(2)
    queue: Any = dummy.Queue()

    def call() -> None:
        process = dummy.Process(target=queue.put, args=(1,))
        process.start()
        process.join()
        queue.get()
        assert pool.map(abs, [-1, -2]) == [1, 2]
        assert pool.apply_async(abs, (-3,)).get() == 3

    def check() -> None:
        assert from_another_thread(lambda: pool.starmap(max, [(1, 2), (4, 3)])) == [2, 4]

    def end() -> None:
        pool.terminate()
        pool.join()

    return Case(call, check, end, least=100)


# -- pools -----------------------------------------------------------------------------------------


def pooled(method: str) -> Case:
    context: Any = processing.get_context(method)
    pool = context.Pool(2)
    pool.map(abs, range(4))

    def call() -> None:
        assert pool.map(abs, range(-3, 3)) == [3, 2, 1, 0, 1, 2]
        assert pool.apply(abs, (-1,)) == 1
        assert pool.apply_async(abs, (-2,)).get() == 2
        assert list(pool.imap(abs, [-1, -2])) == [1, 2]
        assert sorted(pool.imap_unordered(abs, [-1, -2])) == [1, 2]
        assert pool.starmap(divmod, [(7, 2), (9, 4)]) == [(3, 1), (2, 1)]
        assert pool.map_async(abs, range(-3, 3)).get() == [3, 2, 1, 0, 1, 2]

    def check() -> None:
        assert from_another_thread(lambda: pool.map(abs, range(-2, 0))) == [2, 1]
        assert pool.apply(abs, (-7,)) == 7

    def end() -> None:
        pool.terminate()
        pool.join()

    return Case(call, check, end, least=500)


def resulting(method: str) -> Case:
    """Results that are waited for again, here and in another thread, once the wait for them was interrupted."""
    context: Any = processing.get_context(method)
    pool = context.Pool(2)
    pool.map(abs, range(4))
    begun: list[tuple[Callable[[float], object], object]] = []

    def begin(get: Callable[[float], object], value: object) -> None:
        begun.append((get, value))
        assert get(WAIT) == value

    def call() -> None:
        begun.clear()
        begin(pool.map_async(abs, range(-3, 3)).get, [3, 2, 1, 0, 1, 2])
        begin(pool.map_async(abs, range(-3, 3), 1).get, [3, 2, 1, 0, 1, 2])
        begin(pool.apply_async(abs, (-2,)).get, 2)
        begin(pool.submit(abs, -4).result, 4)

    def outcome(get: Callable[[float], object]) -> object:
        try:
            return get(WAIT)
        except Interrupt as error:  # of the submission: then it is the outcome
            return error

    def check() -> None:
        for get, value in begun:
            found = from_another_thread(partial(outcome, get))
            assert found == outcome(get)
            assert found == value or isinstance(found, Interrupt)

    def end() -> None:
        pool.terminate()
        pool.join()

    return Case(call, check, end, least=300)


def executing(method: str) -> Case:
    executor = processing.ProcessPoolExecutor(2, mp_context=processing.get_context(method))
    executor.submit(abs, 1).result()

    def call() -> None:
        futures = [executor.submit(abs, n) for n in (-1, -2)]
        futures[0].add_done_callback(lambda _: None)
        assert [future.result(WAIT) for future in futures] == [1, 2]
        assert list(executor.map(abs, [-1, -2])) == [1, 2]

    def check() -> None:
        assert from_another_thread(lambda: executor.submit(abs, -5).result(WAIT)) == 5

    return Case(call, check, executor.shutdown, least=200)


def started(method: str) -> Case:
    context: Any = processing.get_context(method)
    running: list[Any] = []

    def call() -> None:
        process = context.Process(target=children.nothing, daemon=True)
        running.append(process)
        process.start()
        process.join(WAIT)
        process.close()
        running.clear()

    def check() -> None:
        for process in running:
            _end(process)
        running.clear()
        process = context.Process(target=children.nothing)
        process.start()
        from_another_thread(lambda: process.join(WAIT) or True)
        assert process.exitcode == 0

    return Case(call, check, least=50)


def ended(method: str) -> Case:
    """Processes that are ended by those who started them."""
    context: Any = processing.get_context(method)
    running: list[Any] = []
    before = _own_children()

    def call() -> None:
        for end in ("terminate", "kill"):
            process = context.Process(target=time.sleep, args=(10 * WAIT,), daemon=True)
            running.append(process)
            process.start()
            getattr(process, end)()
            process.join(WAIT)
            assert process.exitcode is not None
            process.close()
            running.clear()

    def check() -> None:
        for process in running:
            _end(process)
        running.clear()
        assert _own_children() <= before, "the program does not know of a child"

    return Case(call, check, least=50)


def _own_children() -> set[int]:
    """The living children of this process, but for a forkserver, which may be started meanwhile."""
    children = [info for info in processes.family(os.getpid()) if info.parent == os.getpid() and info.state != "Z"]
    return {info.pid for info in children if "_start._server" not in info.command}


def _end(process: Any) -> None:
    """End the process of an interrupted start, whether it runs, has ended, or was not started."""
    try:
        if process.pid is not None:
            process.kill()
            process.join(WAIT)
    except (ValueError, processing.ProcessError):
        pass


SIMPLE: dict[str, Callable[[], Case]] = {
    "joinable": joinable,
    "memory": memory,
    "threads": threads,
    "condition": condition,
    "barrier": barrier,
    "barrier_reset": barrier_reset,
    **{
        kind.__name__: partial(queue_of, kind)
        for kind in (
            processing.Queue,
            processing.SimpleQueue,
            processing.LifoQueue,
            processing.PriorityQueue,
        )
    },
    "pipe": pipe,
    "stream": stream,
    "wait": waiting,
    "listener": listening,
    "value": value,
}
BY_METHOD: dict[str, Callable[[str], Case]] = {
    "manager": managed,
    "pool": pooled,
    "results": resulting,
    "executor": executing,
    "process": started,
    "ended": ended,
}


@pytest.mark.attack
@pytest.mark.parametrize("name", SIMPLE)
def test_of_objects(name: str) -> None:
    interrupt_everywhere(SIMPLE[name], rounds(100, 10**6))


@pytest.mark.attack
@pytest.mark.watchdog(300)
@pytest.mark.parametrize("name", BY_METHOD)
@pytest.mark.parametrize("method", processing.get_all_start_methods())
def test_of_processes(name: str, method: str) -> None:
    interrupt_everywhere(partial(BY_METHOD[name], method), rounds(40, 10**6))


CARELESS = {
    "before its try": """
def leave(lock):
    def careless():
        lock.acquire()
        try:
            pass
        finally:
            lock.release()
    careless()
""",
    "at the beginning of a closure": """
def leave(lock):
    lock.acquire()
    def careless():
        try:
            pass
        finally:
            lock.release()
    careless()
""",
}


@pytest.mark.parametrize("source", CARELESS.values(), ids=CARELESS)
def test_the_tracing_finds_what_it_is_for(source: str) -> None:
    """The tracing finds that a lock stays held."""
    import processing_pool

    names: dict[str, Any] = {}
    exec(compile(source, processing_pool.__file__, "exec"), names)
    held: list[str] = []

    def call() -> None:
        locks.append(threading.Lock())
        names["leave"](locks[-1])

    locks: list[Any] = []
    for interrupter in each_point(call):
        if locks[-1].locked():
            held.append(interrupter.where)
    assert any("careless" in where for where in held)


def test_nothing_is_left() -> None:
    lowlevel.ensure_family()  # its memory stays
    gc.collect()
    with leaks.leaves_nothing():
        queue: Any = processing.Queue()
        for _ in each_point(lambda: queue.put(1)):
            pass
        with pytest.raises(Interrupt):
            raise Interrupt
    lowlevel.verify()
