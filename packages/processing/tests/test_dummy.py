"""`processing.dummy`: the API over threads."""

import ctypes
import functools
import gc
import itertools
import pickle
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

import processing
from processing import dummy
from processing.dummy import connection
from processing.dummy._results import AsyncResult, together
from processing.pool import ApplyResult, IMapIterator, IMapUnorderedIterator, MapResult, Pool, ThreadPool
from processing_testing.children import tasks
from processing_testing.harness import scripts
from processing_testing.harness.interruption_points import each_point


class Answer:
    def __init__(self, end: Any) -> None:
        self.end = end

    def give(self, begin: threading.Event) -> None:
        begin.wait()
        self.end.send(self.end.recv())


def test_a_pool_of_threads_is_a_pool() -> None:
    assert issubclass(ThreadPool, Pool)
    with ThreadPool(1) as threads:
        assert isinstance(threads, Pool)
        assert isinstance(threads.apply_async(abs, (1,)), ApplyResult)
        assert isinstance(threads.map_async(abs, [1]), MapResult)
        assert isinstance(threads.imap(abs, [1]), IMapIterator)
        assert isinstance(threads.imap_unordered(abs, [1]), IMapUnorderedIterator)


def test_how_far_a_job_of_threads_is() -> None:
    with ThreadPool(1) as threads:
        leave = threading.Event()
        result: Any = threads.map_async(lambda wanted: wanted and leave.wait(), [False, True, False])
        results: Any = threads.imap(abs, [1, 2])
        while result._number_left != 2:
            time.sleep(0.001)
        assert (result._chunksize, result._value, result._success, results._index) == (1, None, True, 0)
        leave.set()
        assert (next(results), next(results), results._index) == (1, 2, 2)
        assert (result._number_left, result._value, result._success) == (0, [False, True, False], True)


class TestProcess:
    def test_life(self) -> None:
        entered, leave = dummy.Event(), dummy.Event()

        def work() -> None:
            entered.set()
            leave.wait()

        process = dummy.Process(target=work, name="worker")
        assert (process.exitcode, process.pid, process.is_alive()) == (None, None, False)
        process.start()
        entered.wait()
        assert dummy.active_children() == [process]
        assert (process.exitcode, process.is_alive()) == (None, True)
        leave.set()
        process.join()
        assert (process.exitcode, process.is_alive()) == (0, False)
        assert dummy.active_children() == []

    def test_names_of_0_52(self) -> None:
        process = dummy.Process()
        process.setName("worker")
        process.setDaemon(True)
        assert (process.getName(), process.isDaemon(), process.isAlive()) == ("worker", True, False)
        assert (process.getExitCode(), process.getPid()) == (None, None)

    def test_relatives(self) -> None:
        seen: list[Any] = []
        process = dummy.Process(target=lambda: seen.extend([dummy.current_process(), dummy.parent_process()]))
        process.start()
        process.join()
        assert seen == [process, threading.current_thread()]
        assert dummy.parent_process() is None

    def test_only_its_maker_starts_it(self) -> None:
        process = dummy.Process()
        errors: list[str] = []

        def start() -> None:
            try:
                process.start()
            except RuntimeError as error:
                errors.append(str(error))

        other = dummy.Process(target=start)
        other.start()
        other.join()
        assert len(errors) == 1 and "Parent is" in errors[0]


def acquired_in_a_thread(lock: Any) -> bool:
    """Whether another thread can acquire a lock."""
    seen: list[bool] = []

    def take() -> None:
        seen.append(lock.acquire(False))
        if seen[0]:
            lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return seen[0]


class TestPrimitives:
    def test_they_are_those_of_threading(self) -> None:
        for name in ("Lock", "Barrier"):
            assert getattr(dummy, name) is getattr(threading, name)
        for name in ("Semaphore", "BoundedSemaphore", "Condition", "Event"):
            assert issubclass(getattr(dummy, name), getattr(threading, name))
        assert isinstance(dummy.RLock(), type(threading.RLock()))

    @pytest.mark.parametrize("name", ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition"])
    @pytest.mark.parametrize("source", [dummy, dummy.Manager()], ids=["module", "manager"])
    def test_locked(self, source: Any, name: str) -> None:
        lock = getattr(source, name)()
        seen = [lock.locked()]
        with lock:
            thread = threading.Thread(target=lambda: seen.append(lock.locked()))
            thread.start()
            thread.join()
            seen.append(lock.locked())
        assert [*seen, lock.locked()] == [False, True, True, False]

    def test_locked_of_what_has_a_lock(self) -> None:
        for lock in (
            dummy.Condition(threading.RLock()),
            dummy.Condition(threading.Lock()),
            dummy.Value("i").get_lock(),
        ):
            assert not lock.locked()
            with lock:
                assert lock.locked()

    def test_an_rlock(self) -> None:
        lock = dummy.RLock()
        with lock, lock:
            assert lock.locked() and not acquired_in_a_thread(lock)
        assert not lock.locked() and acquired_in_a_thread(lock)

    def test_names_of_0_52_are_silent(self) -> None:
        condition, event = dummy.Condition(), dummy.Event()
        with condition:
            condition.notifyAll()
        assert not event.isSet()


class TestQueue:
    @pytest.mark.parametrize("make", [dummy.Queue, dummy.JoinableQueue, dummy.SimpleQueue])
    def test_in_and_out(self, make: Any) -> None:
        items = make()
        items.put_many([1, 2])
        items.putMany([3])
        items.putNoWait(4)
        assert [items.get(), items.get_nowait(), items.getNoWait(), items.get(timeout=1)] == [1, 2, 3, 4]
        with pytest.raises(queue.Empty):
            items.get_nowait()
        for _ in range(4):
            items.task_done()
        items.join()

    def test_bounds(self) -> None:
        items: dummy.Queue[int] = dummy.Queue(1)
        with pytest.raises(queue.Full):
            items.put_many([1, 2], timeout=0.01)
        assert items.full()

    def test_closed(self) -> None:
        items: dummy.Queue[int] = dummy.Queue()
        items.close()
        items.joinThread()
        items.cancelJoin()
        for call in (items.get_nowait, lambda: items.put(1)):
            with pytest.raises(ValueError, match="closed"):
                call()


class TestShared:
    def test_value(self) -> None:
        value = dummy.Value("i", 3)
        with value.get_lock():
            value.value += 1
        assert value.acquire() is True
        value.release()
        with value:
            assert (value.getobj().value, repr(value)) == (4, "<Value('i', 4)>")
        assert value.getlock() is value.get_lock()

    def test_without_a_lock(self) -> None:
        with pytest.raises(AttributeError):
            dummy.Value("i", 3, lock=False).get_lock()

    def test_array(self) -> None:
        assert list(dummy.Array("i", 3)) == [0, 0, 0]
        numbers = dummy.Array(ctypes.c_double, [1, 2])
        with numbers.get_lock():
            numbers[0] = 5
        assert numbers[:].tolist() == [5.0, 2.0]
        assert numbers.get_obj() is numbers
        with pytest.raises(ValueError, match="negative"):
            dummy.Array("i", -1)

    def test_manager(self) -> None:
        with dummy.Manager() as manager:
            manager.start()
            assert manager.list([1]) == [1]
            assert manager.dict(a=1) == {"a": 1}
            space = manager.Namespace(x=1, _y=2)
            space.z = 3
            assert repr(space) == "Namespace(x=1, z=3)"
            with manager.Lock():
                manager.Queue().put(1)


class TestConnection:
    def test_both_ways(self) -> None:
        ours, theirs = dummy.Pipe()
        thing = object()
        ours.send(thing)
        assert theirs.poll()
        assert theirs.recv() is thing
        theirs.sendBytes(b"hello")
        assert ours.recvBytes() == b"hello"
        assert not ours.poll(0.01)

    def test_one_way(self) -> None:
        reader, writer = dummy.Pipe(duplex=False)
        assert (reader.readable, reader.writable, writer.readable, writer.writable) == (True, False, False, True)
        writer.send_bytes(b"hello", 1, 3)
        with pytest.raises(OSError, match="bad message length"):
            reader.recv_bytes(2)
        with pytest.raises(OSError, match="read-only"):
            reader.send(1)
        with pytest.raises(OSError, match="write-only"):
            writer.recv()

    def test_the_end(self) -> None:
        ours, theirs = dummy.Pipe()
        with ours:
            ours.send(1)
        assert ours.closed
        assert theirs.recv() == 1
        with pytest.raises(EOFError):
            theirs.recv()
        with pytest.raises(BrokenPipeError):
            theirs.send(1)
        with pytest.raises(OSError, match="closed"):
            ours.recv()

    @pytest.mark.parametrize("way", ["argument", "attribute", "closure", "list", "partial"])
    def test_the_parent_closes_the_childs_end(self, way: str) -> None:
        """Programs do this with processes, where the child has an end of its own."""
        ours, theirs = dummy.Pipe()
        begin = threading.Event()

        def echo(end: Any = None) -> None:
            begin.wait()
            end = theirs if end is None else end[0] if isinstance(end, list) else end
            end.send(end.recv())

        class Echo(dummy.Process):
            end: Any

            def run(self) -> None:
                Answer(self.end).give(begin)

        child = {
            "argument": lambda: dummy.Process(target=echo, kwargs={"end": theirs}),
            "attribute": Echo,
            "closure": lambda: dummy.Process(target=echo),
            "list": lambda: dummy.Process(target=echo, args=([theirs],)),
            "partial": lambda: dummy.Process(target=functools.partial(echo, theirs)),
        }[way]()
        if isinstance(child, Echo):
            child.end = theirs
        child.start()
        theirs.close()
        assert theirs.closed
        begin.set()
        ours.send("hello")
        assert ours.recv() == "hello"
        child.join()
        with pytest.raises(EOFError):  # the child has ended, and no other thread has its end
            ours.recv()

    def test_a_child_that_ends_does_not_close_the_parents(self) -> None:
        ours, theirs = dummy.Pipe()
        child = dummy.Process(target=theirs.send, args=(1,))
        child.start()
        child.join()
        theirs.send(2)
        assert [ours.recv(), ours.recv()] == [1, 2]
        assert not ours.poll()

    def test_bytes_of_an_object(self) -> None:
        reader, writer = dummy.Pipe(duplex=False)
        for thing in ([1, 2], 3, [2.5]):
            writer.send(thing)
            assert pickle.loads(reader.recv_bytes()) == thing
        writer.send_bytes(b"ab")
        assert reader.recv_bytes() == b"ab"

    def test_wait(self) -> None:
        pipes = [dummy.Pipe() for _ in range(3)]
        readers = [reader for reader, _ in pipes]
        assert connection.wait(readers, 0.01) == []
        sender = dummy.Process(target=pipes[1][1].send, args=(1,))
        sender.start()
        assert connection.wait(readers) == [readers[1]]
        sender.join()

    def test_listener(self) -> None:
        def work(address: Any) -> None:
            with connection.Client(address) as client:
                client.send("hello")

        with connection.Listener() as listener:
            process = dummy.Process(target=work, args=(listener.address,))
            process.start()
            with listener.accept() as accepted:
                assert accepted.recv() == "hello"
            process.join()
            with pytest.raises(OSError, match="in use"):
                connection.Listener(listener.address)
        with pytest.raises(OSError, match="closed"):
            listener.accept()
        with pytest.raises(ConnectionRefusedError):
            connection.Client(listener.address)


class TestThreadPool:
    @pytest.fixture
    def pool(self) -> Iterator[Any]:
        pool = ThreadPool(2)
        yield pool
        pool.terminate()
        pool.join()

    def test_calls(self, pool: Any) -> None:
        seen: list[Any] = []
        assert pool.apply(pow, (2, 3)) == 8
        result = pool.apply_async(int, ("7",), callback=seen.append)
        assert (result.get(), result.ready(), result.successful(), seen) == (7, True, True, [7])
        result = pool.applyAsync(int, ("x",))
        with pytest.raises(ValueError, match="invalid literal"):
            result.get()
        assert not result.successful()
        pool.apply_async(int, ("x",), error_callback=seen.append).wait()
        assert isinstance(seen[1], ValueError)

    def test_maps(self, pool: Any) -> None:
        assert pool.map(abs, range(-3, 0)) == [3, 2, 1]
        assert pool.map(abs, []) == []
        assert pool.mapAsync(abs, [-1]).get(timeout=60) == [1]
        assert pool.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]
        assert list(pool.imap(abs, range(-100, 0))) == list(range(100, 0, -1))
        assert sorted(pool.imapUnordered(abs, range(-100, 0))) == list(range(1, 101))
        with pytest.raises(ValueError, match="'x'"):
            pool.map(int, ["1", "x", "y"])

    def test_an_endless_iterable(self, pool: Any) -> None:
        results = pool.imap(abs, itertools.count())
        assert [next(results) for _ in range(50)] == list(range(50))

    def test_a_task_that_raises_what_ends_iterators(self, pool: Any) -> None:
        with pytest.raises(RuntimeError, match="a task raised StopIteration"):
            list(pool.imap(next, [iter(()), iter(())]))

    def test_an_error_that_is_false_is_raised(self, pool: Any) -> None:
        for call in (lambda: pool.apply(tasks.raise_false), lambda: pool.map(tasks.raise_false, [1])):
            with pytest.raises(tasks.FalseError):
                call()

    def test_an_iterable_that_fails(self, pool: Any) -> None:
        def items() -> Iterator[int]:
            yield 1
            raise KeyError("mine")

        results = pool.imap(abs, items())
        assert next(results) == 1
        with pytest.raises(KeyError):
            next(results)
        with pytest.raises(StopIteration):
            next(results)

    @pytest.mark.parametrize(("chunksize", "good"), [(1, 7), (2, 6), (4, 4), (8, 0)])
    def test_an_iterable_that_fails_in_a_chunk(self, pool: Any, chunksize: int, good: int) -> None:
        def items() -> Iterator[int]:
            yield from range(7)
            raise KeyError("mine")

        results = pool.imap(abs, items(), chunksize)
        assert [next(results) for _ in range(good)] == list(range(good))
        with pytest.raises(KeyError):
            next(results)

    def test_closed_before_the_iteration(self, pool: Any) -> None:
        results = pool.imap(abs, range(100))
        pool.close()
        pool.join()
        assert list(results) == list(range(100))
        with pytest.raises(ValueError, match="not running"):
            pool.apply(abs, (1,))

    def test_timeouts(self, pool: Any) -> None:
        leave = threading.Event()
        result, results = pool.apply_async(leave.wait), pool.imap(lambda _: leave.wait(), [1])
        for get in (result.get, results.next, pool.imap_unordered(lambda _: leave.wait(), [1]).next):
            with pytest.raises(processing.TimeoutError):
                get(timeout=0.01)
        with pytest.raises(ValueError, match="not ready"):
            result.successful()
        leave.set()

    def test_terminated(self, pool: Any) -> None:
        entered, leave = threading.Semaphore(0), threading.Event()

        def work() -> None:
            entered.release()
            leave.wait()

        running = [pool.apply_async(work) for _ in range(2)]
        waiting = pool.apply_async(work)
        for _ in running:
            entered.acquire()
        pool.terminate()
        with pytest.raises(ValueError, match="terminated"):
            waiting.get(timeout=60)
        leave.set()
        for result in running:
            assert result.get() is None

    def test_initializer(self) -> None:
        seen: list[int] = []
        with ThreadPool(1, seen.append, (1,)) as pool:
            pool.apply(time.time)
        assert seen == [1]

    def test_misuse(self, pool: Any) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            ThreadPool(0)
        with pytest.raises(TypeError, match="callable"):
            ThreadPool(1, 3)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="Chunksize"):
            pool.imap(abs, [], 0)
        with pytest.raises(ValueError, match="still running"):
            pool.join()


class TestThePoolsOfProcessesHaveIt:
    """Methods of pools of processes that pools of threads have, too."""

    def test_exceptions_among_the_results(self) -> None:
        with ThreadPool(2) as pool:
            for results in (
                pool.map(int, ["1", "one", "2"], return_exceptions=True),
                pool.starmap(int, [("1",), ("one",), ("2",)], return_exceptions=True),
            ):
                assert [result if isinstance(result, int) else type(result) for result in results] == [1, ValueError, 2]

    def test_futures(self) -> None:
        with ThreadPool(2) as pool:
            assert pool.submit(pow, 2, 10).result(30) == 1024
            assert list(pool.executor().map(abs, [-1, 2])) == [1, 2]

    def test_a_buffersize(self) -> None:
        pulled = 0

        def items() -> Iterator[int]:
            nonlocal pulled
            while True:
                pulled += 1
                yield pulled

        with ThreadPool(2) as pool:
            results = pool.imap(abs, items(), buffersize=3)
            assert [next(results) for _ in range(10)] == list(range(1, 11))
            assert pulled <= 13
            with pytest.raises(ValueError, match="buffersize"):
                pool.imap(abs, [1], buffersize=0)

    def test_cancel(self) -> None:
        begun, over = threading.Event(), threading.Event()

        def run() -> bool:
            begun.set()
            return over.wait(30)

        with ThreadPool(1) as pool:
            running = pool.apply_async(run)
            begun.wait()
            queued, mapped = pool.apply_async(abs, (-1,)), pool.map_async(abs, [-1, -2])
            assert queued.cancel() and mapped.cancel()
            assert not pool.submit(abs, 1).cancelled()
            for result in (queued, mapped):
                with pytest.raises(processing.TaskCancelled):
                    result.get(30)
                assert result.cancelled() and not result.cancel()
            assert not running.cancel()
            over.set()
            assert running.get(30)
            assert not running.cancelled()

    def test_join_that_times_out(self) -> None:
        over = threading.Event()
        pool = ThreadPool(1)
        pool.apply_async(over.wait, (30,))
        pool.close()
        assert not pool.join(0.01)
        over.set()
        assert pool.join(30)


class TestTheProgramsEnd:
    @pytest.mark.parametrize("way", ["apply_async", "map_async", "submit"])
    def test_a_task_that_is_stuck_does_not_keep_the_program(self, way: str) -> None:
        scripts.run(
            """
            import sys, threading, time
            from processing.pool import ApplyResult, IMapIterator, IMapUnorderedIterator, MapResult, Pool, ThreadPool
            stuck = threading.Event()
            def stick(_=None):
                stuck.set()
                time.sleep(3600)
            with ThreadPool(2) as pool:
                getattr(pool, sys.argv[1])(stick, *([[1, 2]] if sys.argv[1] == "map_async" else []))
                stuck.wait()
            """,
            way,
        )

    def test_what_was_submitted_to_an_executor_is_done(self) -> None:
        output = scripts.run(
            """
            import sys, threading
            from processing.pool import ApplyResult, IMapIterator, IMapUnorderedIterator, MapResult, Pool, ThreadPool
            pool = ThreadPool(2)
            executor = pool.executor()
            main = threading.main_thread()
            def work(number):
                main.join()
                sys.stdout.write(str(number))
            for number in range(4):
                executor.submit(work, number)
            del pool, executor
            """
        )
        assert sorted(output) == ["0", "1", "2", "3"]

    def test_a_pool_that_is_dropped_ends_its_threads(self) -> None:
        pool = ThreadPool(2)
        threads = pool._pool
        assert pool._processes == len(threads) == 2 and all(thread.is_alive() for thread in threads)
        with pytest.warns(ResourceWarning, match="unclosed running multiprocessing pool <.*ThreadPool state=RUN"):
            del pool
        gc.collect()
        for thread in set(threads):
            thread.join()


def test_the_bytes_of_an_object_stand_for_it_where_they_are_sent_on() -> None:
    ours, theirs = connection.Pipe()
    sent = [1, 2.25, None]
    ours.send(sent)
    pickled = theirs.recv_bytes()
    assert pickle.loads(pickled) == sent
    theirs.send_bytes(pickled)
    assert ours.recv() is sent
    theirs.send_bytes(pickled, 1)
    assert ours.recv() == pickled[1:]


def test_what_a_signal_handler_raises_while_a_task_ends_reaches_the_caller() -> None:
    ended: Future[int] = Future()
    ended.set_result(1)
    calls: list[Callable[[], object]] = [
        lambda: AsyncResult(ended).get(5),
        lambda: together([ended, ended], False).result(5),
    ]
    for call in calls:
        assert sum(interrupter.raised for interrupter in each_point(call)) > 10
