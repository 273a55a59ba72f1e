"""A bad task affects no other: odd exceptions and results, and iterables that change while they are mapped."""

from __future__ import annotations

import collections
import gc
import queue
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from processing_core import BaseContext
from processing_pool import MaybeEncodingError, Pool, PoolBroken
from processing_testing.children import odd, pooling, tasks


@pytest.mark.parametrize("kind", odd.ERRORS)
@pytest.mark.parametrize("way", ["apply", "map", "imap", "return_exceptions"])
def test_exceptions_that_refuse(pool: Pool, kind: str, way: str) -> None:
    """Frozen, slotted, without a repr, with a reduce that raises: each fails its own task."""
    others = [pool.apply_async(tasks.return_later, (n,)) for n in range(4)]
    if way == "return_exceptions":
        results = pool.map(odd.fail_at_two, [(kind, n) for n in range(4)], return_exceptions=True)
        assert [results[n] for n in (0, 1, 3)] == [0, 1, 3]
        assert isinstance(results[2], BaseException)
    else:
        calls = {
            "apply": lambda: pool.apply(odd.fail, (kind,)),
            "map": lambda: pool.map(odd.fail_at_two, [(kind, n) for n in range(4)]),
            "imap": lambda: list(pool.imap(odd.fail_at_two, [(kind, n) for n in range(4)])),
        }
        with pytest.raises((odd.ERRORS[kind], MaybeEncodingError)) as caught:
            calls[way]()
        assert BaseException.__dict__["__cause__"].__get__(caught.value) is not None
    assert [result.get(30) for result in others] == list(range(4))


@pytest.mark.parametrize("way", ["apply", "submit", "map", "imap"])
def test_results_whose_unpickling_exits(pool: Pool, way: str) -> None:
    good = pool.submit(tasks.return_later, 1)
    calls: dict[str, Any] = {
        "apply": lambda: pool.apply(odd.Exits),
        "submit": lambda: pool.submit(odd.Exits).result(30),
        "map": lambda: pool.map(odd.make_exits, range(2)),
        "imap": lambda: list(pool.imap(odd.make_exits, range(2))),
    }
    with pytest.raises(MaybeEncodingError):
        calls[way]()
    assert good.result(30) == 1
    assert pool.map(tasks.square, [3]) == [9]


@pytest.mark.parametrize("way", ["apply", "submit", "map", "batches", "imap"])
def test_results_whose_unpickling_interrupts(pool: Pool, way: str) -> None:
    """A `KeyboardInterrupt` too: there was no Ctrl-C, so no waiting thread may raise it."""
    good = pool.submit(tasks.return_later, 1)
    calls: dict[str, Any] = {
        "apply": lambda: pool.apply(odd.Interrupts),
        "submit": lambda: pool.submit(odd.Interrupts).result(30),
        "map": lambda: pool.map(odd.make_interrupts, range(2), 1),
        "batches": lambda: pool.map(odd.make_interrupts, range(8), 4),
        "imap": lambda: list(pool.imap(odd.make_interrupts, range(2))),
    }
    with pytest.raises(MaybeEncodingError, match="KeyboardInterrupt"):
        calls[way]()
    assert good.result(30) == 1
    assert pool.map(tasks.square, [3]) == [9]


@pytest.mark.parametrize("make", [odd.InterruptsOnce, odd.RaisesInterruptedOnce], ids=lambda it: it.__name__)
def test_an_interrupt_while_a_result_is_unpickled_loses_nothing(
    own_pool: Pool, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised in the thread that waits for the result, and the result is available afterwards."""
    monkeypatch.setattr(own_pool._engine.callback_thread, "_needed", bool)  # this thread receives the result
    monkeypatch.setattr(odd.InterruptsOnce, "tries", 0)
    result = own_pool.apply_async(odd.made_or_raised, (make,))
    with pytest.raises(KeyboardInterrupt):
        result.get(30)
    if make is odd.InterruptsOnce:
        assert result.get(30) == 7
    else:
        with pytest.raises(ValueError, match="7"):
            result.get(30)


@pytest.mark.parametrize("make", [odd.InterruptsOnce, odd.RaisesInterruptedOnce], ids=lambda it: it.__name__)
def test_callbacks_go_on_after_an_interrupt(own_pool: Pool, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the thread that runs them, where no signal handler raises it."""
    outcomes: queue.Queue[object] = queue.Queue()
    monkeypatch.setattr(odd.InterruptsOnce, "tries", 0)
    own_pool.apply_async(odd.made_or_raised, (make,), callback=outcomes.put, error_callback=outcomes.put)
    assert str(outcomes.get(timeout=30)) == "7"
    own_pool.apply_async(tasks.square, (3,), callback=outcomes.put)
    assert outcomes.get(timeout=30) == 9


@pytest.mark.parametrize("make", [odd.Interrupts, odd.Exits, odd.InterruptsWhenLoaded], ids=lambda it: it.__name__)
def test_callbacks_go_on_after_odd_results(pool: Pool, make: Any) -> None:
    errors: queue.Queue[BaseException] = queue.Queue()
    results: queue.Queue[int] = queue.Queue()
    pool.apply_async(odd.made_or_raised, (make,), error_callback=errors.put)
    assert isinstance(errors.get(timeout=30), MaybeEncodingError)
    pool.apply_async(tasks.square, (3,), callback=results.put)
    assert results.get(timeout=30) == 9


def test_a_signal_handler_raises_when_a_call_is_done_already(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it raises cannot be the outcome any more, so it is raised."""
    submit = pool._engine.channel.submit

    def raise_late(call: Any) -> None:
        submit(call)
        call.wait(30)
        raise OSError("by a signal handler")

    monkeypatch.setattr(pool._engine.channel, "submit", raise_late)
    with pytest.raises(OSError, match="by a signal handler"):
        pool.apply_async(tasks.square, (3,))


def test_a_signal_handler_raises_when_a_map_is_done_already(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    enter = pool._engine.enter

    def enter_late(job: Any, begin: Any) -> None:
        def begin_late() -> None:
            begin()
            job._result.wait(30)
            raise OSError("by a signal handler")

        enter(job, begin_late)

    monkeypatch.setattr(pool._engine, "enter", enter_late)
    with pytest.raises(OSError, match="by a signal handler"):
        pool.map_async(tasks.square, [3])


@pytest.mark.parametrize("kind", [GeneratorExit, KeyboardInterrupt], ids=lambda kind: kind.__name__)
def test_results_whose_pickling_raises_end_no_worker(own_pool: Pool, kind: type[BaseException]) -> None:
    before = {worker.pid for worker in own_pool._pool}
    with pytest.raises(MaybeEncodingError, match=kind.__name__):
        own_pool.apply(odd.RaisesWhenDumped, (kind,))
    assert {worker.pid for worker in own_pool._pool} == before


class Bar:
    """A progress bar: its length is a total that the program has given, and may be missing or wrong."""

    def __init__(self, items: Any, total: int | None) -> None:
        self.items, self.total = items, total

    def __iter__(self) -> Iterator[int]:
        return iter(self.items)

    def __len__(self) -> Any:
        return self.total


class Filled(list[int]):
    """A list whose iterator yields more items than it contains."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(5))


@pytest.mark.parametrize("way", ["map", "imap", "imap_unordered"])
def test_a_length_need_not_be_right(pool: Pool, way: str) -> None:
    items = [Bar((n for n in range(5)), total) for total in (None, 0, 3, 9)]
    for iterable in [*items, Filled()]:
        assert sorted(getattr(pool, way)(tasks.square, iterable)) == [0, 1, 4, 9, 16]


class Rows(Sequence[int]):
    """A sequence whose indexes are integers only, not slices."""

    def __len__(self) -> int:
        return 50

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, int):
            raise TypeError("sequence index must be integer, not 'slice'")
        if not 0 <= index < 50:
            raise IndexError(index)
        return index


@pytest.mark.parametrize("chunksize", [None, 1, 7])
def test_any_iterable(pool: Pool, chunksize: int | None) -> None:
    expected = [n * n for n in range(50)]
    for items in (Rows(), collections.deque(range(50)), iter(range(50)), dict.fromkeys(range(50)), range(50)):
        assert pool.map(tasks.square, items, chunksize) == expected
    assert pool.map(ord, "abc", chunksize) == [97, 98, 99]


def test_a_list_that_is_changed_meanwhile(pool: Pool) -> None:
    items = list(range(2000))
    result = pool.map_async(tasks.square, items, 1)
    items.clear()
    assert result.get(60) == [n * n for n in range(2000)]


@pytest.mark.parametrize("way", ["map", "imap", "map_async"])
def test_an_iterable_that_raises_in_the_middle(pool: Pool, way: str) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("the middle")

    with pytest.raises(LookupError, match="the middle"):
        list(getattr(pool, way)(tasks.square, items()))
    assert pool.apply(tasks.square, (2,)) == 4


def test_a_broken_pool_keeps_nothing_of_its_callers(context: BaseContext) -> None:
    class Payload:
        pass

    def call() -> tuple[int, weakref.ref[Payload]]:
        payload = Payload()
        try:
            pool.apply(id, (payload,))
        except PoolBroken as error:
            depth, trace, causes = 0, error.__traceback__, {type(error.__cause__)}
            while trace is not None:
                depth, trace = depth + 1, trace.tb_next
        assert causes == {ValueError}
        return depth, weakref.ref(payload)

    with Pool(1, tasks.fail, ("no database",), context=context) as pool:
        calls = [call() for _ in range(30)]
        gc.collect()
    assert calls[-1][0] <= calls[0][0] + 2
    assert not any(payload() for _, payload in calls[1:])


def test_an_interrupted_map_stops_its_tasks(method: str) -> None:
    from processing_testing.harness import scripts

    scripts.run(
        """
        import signal, sys, threading, time
        import processing_core
        from processing_pool import Pool

        with Pool(2, context=processing_core.get_context(sys.argv[1])) as pool:
            pool.map(abs, [1])
            for call in (lambda: pool.map(time.sleep, [600, 600]), lambda: pool.apply(time.sleep, (600,)),
                         lambda: pool.starmap(time.sleep, [(600,), (600,)])):
                threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,)).start()
                try:
                    call()
                except KeyboardInterrupt:
                    pass
                assert pool.map_async(abs, [-1, -2]).get(20) == [1, 2]
        """,
        method,
    )


@pytest.mark.parametrize("error", ["unpickling", "import", "sys.exit"])
def test_why_it_broke(context: BaseContext, method: str, error: str, capfd: pytest.CaptureFixture[str]) -> None:
    if method == "fork":
        pytest.skip("nothing is pickled")
    with Pool(1, odd.BadInitializer(error), context=context) as pool, pytest.raises(PoolBroken) as caught:
        pool.map(tasks.square, [1])
    assert "the licence server is down" in str(caught.value)
    assert "the licence server is down" in str(caught.value.__cause__)
    assert capfd.readouterr().err == ""  # the parent's error contains the reason


class TestDroppedIterators:
    def test_one_that_was_never_advanced_runs_all(self, pool: Pool, tmp_path: Any) -> None:
        path = str(tmp_path / "record")
        pool.imap(pooling_record(path), iter(range(600)))
        deadline = time.monotonic() + 30
        while len(pooling.recorded(path)) < 600:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def test_one_that_was_advanced_stops_pulling_until_the_pool_is_closed(self, own_pool: Pool, tmp_path: Any) -> None:
        path, pulled = str(tmp_path / "record"), []
        iterator = own_pool.imap(pooling_record(path), (pulled.append(n) or n for n in range(2000)))
        next(iterator)
        del iterator
        gc.collect()
        before = -1
        while len(pulled) != before:
            before = len(pulled)
            own_pool.map(tasks.return_later, range(4))
        assert before < 2000
        own_pool.close()
        own_pool.join()
        assert len(pooling.recorded(path)) == 2000

    def test_close_withdraws(self, own_pool: Pool, tmp_path: Any) -> None:
        path, pulled = str(tmp_path / "record"), []
        iterator = own_pool.imap(pooling_record(path), (pulled.append(n) or n for n in range(2000)))
        next(iterator)
        iterator.close()
        own_pool.close()
        own_pool.join()
        assert len(pulled) < 2000
        assert len(pooling.recorded(path)) <= len(pulled)


def pooling_record(path: str) -> Any:
    from functools import partial

    return partial(pooling.record_and_sleep, path, 0.0)


def test_threads_that_wait_are_not_concerned(pool: Pool) -> None:
    """The thread that collects for all gets the odd result; the other threads get theirs."""
    got: list[int] = []
    threads = [threading.Thread(target=lambda n=n: got.append(pool.apply(tasks.return_later, (n,)))) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        with pytest.raises(MaybeEncodingError):
            pool.apply(odd.Exits)
    for thread in threads:
        thread.join(30)
    assert sorted(got) == [0, 1, 2, 3]


def test_a_result_whose_pickling_exits_ends_no_worker(own_pool: Pool) -> None:
    before = {worker.pid for worker in own_pool._pool}
    for chunksize in (1, 4):
        found = own_pool.map(odd.exit_when_dumped_if_two, range(4), chunksize, return_exceptions=True)
        assert found[:2] + found[3:] == [0, 1, 3]
        assert isinstance(found[2], MaybeEncodingError) and "SystemExit" in str(found[2])
    assert {worker.pid for worker in own_pool._pool} == before
