"""`progress=` among the options of tasks: how far maps are, shown to a person."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processing_pool import Pool, ProcessPoolExecutor
from processing_pool._progress import display, styles
from processing_pool._progress.counts import Counts
from processing_testing.children import tasks
from processing_testing.harness.mechanisms import (
    ONE_METHOD,
    START_METHODS,
    needs_blocking_flags,
    needs_selectable_pipes,
)
from processing_testing.harness.unread import buffered, full_pipe


class Output:
    """What the program writes to ``sys.stderr``, which is no terminal."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def getvalue(self) -> str:
        """All of it."""
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Output:
    """The stream, where the environment says nothing."""
    monkeypatch.delenv("PROCESSING_PROGRESS", raising=False)
    return Output(capsys)


@pytest.fixture
def plain(output: Output, monkeypatch: pytest.MonkeyPatch) -> Output:
    """The same, where the environment asks for lines."""
    monkeypatch.setenv("PROCESSING_PROGRESS", "plain")
    return output


def starts_of(output: Output) -> list[str]:
    """Each line up to the rate."""
    return [line.rpartition(")")[0] + ")" for line in output.getvalue().splitlines()]


def _executor_map(pool: Pool) -> list[int]:
    executor = ProcessPoolExecutor._over(pool)
    pool._engine.drains = False  # of the shared pool
    return list(executor.map(abs, range(50), progress="m"))


@pytest.fixture(scope="module")
def method() -> str:
    """One start method: the display is the parent's alone."""
    return ONE_METHOD


CALLS: dict[str, Callable[[Pool], Any]] = {
    "map": lambda pool: pool.map(abs, range(-50, 0), progress="m"),
    "starmap": lambda pool: pool.starmap(pow, [(2, i) for i in range(50)], progress="m"),
    "map_async": lambda pool: pool.map_async(abs, [*range(50)], progress="m").get(30),
    "imap": lambda pool: list(pool.imap(abs, range(50), progress="m")),
    "imap_unordered": lambda pool: list(pool.imap_unordered(abs, range(50), 4, progress="m")),
    "Executor.map": _executor_map,
}


@pytest.mark.parametrize("call", CALLS)
def test_the_last_line_has_all_items(pool: Pool, plain: Output, call: str) -> None:
    assert len(CALLS[call](pool)) == 50
    display.flush()
    assert starts_of(plain) == ["m: 50 of 50 (100 %)"]


class TestCounts:
    def test_failures_and_retries(self, pool: Pool, plain: Output, tmp_path: Path) -> None:
        pool.map(tasks.fail_if_odd, [2, 1, 4], retries=2, return_exceptions=True, progress=True)
        (line,) = plain.getvalue().splitlines()
        assert line.startswith("map: 3 of 3 (100 %)")
        assert line.endswith(", 1 failed, 2 retried")

    def test_what_cannot_be_pickled_has_failed(self, pool: Pool, plain: Output) -> None:
        pool.map(type, [1, threading.Lock(), 2], return_exceptions=True, progress="p")
        assert plain.getvalue().endswith(", 1 failed\n")

    def test_a_worker_that_dies(self, own_pool: Pool, plain: Output) -> None:
        results = own_pool.map(tasks.die_if_seven, [1, 7, 2, 3], return_exceptions=True, progress="d")
        assert len(results) == 4
        assert "d: 4 of 4" in plain.getvalue()
        assert plain.getvalue().endswith(", 1 failed\n")

    def test_an_iterable_without_a_length(self, pool: Pool, plain: Output) -> None:
        assert len(list(pool.imap(abs, (i for i in range(7)), progress="g"))) == 7
        assert plain.getvalue().startswith("g: 7 done, ")


class TestWhoSeesIt:
    def test_nothing_without_a_terminal(self, pool: Pool, output: Output) -> None:
        pool.map(abs, range(5), progress=True)
        assert output.getvalue() == ""

    def test_the_environment_turns_it_off(self, own_pool: Pool, plain: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PROCESSING_PROGRESS", "off")
        own_pool.map(abs, range(5), progress=True)
        assert plain.getvalue() == ""

    def test_without_rich_a_terminal_gets_lines(
        self, pool: Pool, output: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setitem(sys.modules, "rich", None)
        monkeypatch.setitem(sys.modules, "rich.progress", None)
        pool.map(abs, range(5), progress="lines")
        assert starts_of(output) == ["lines: 5 of 5 (100 %)"]

    def test_without_its_widgets_a_notebook_gets_lines(
        self, pool: Pool, output: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(styles, "_in_notebook", lambda: True)
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
        pool.map(abs, range(5), progress="lines")
        assert starts_of(output) == ["lines: 5 of 5 (100 %)"]

    def test_bars(self, pool: Pool, output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("rich")
        monkeypatch.setenv("PROCESSING_PROGRESS", "bar")
        results = [pool.map_async(abs, range(n), progress=f"bar {n}") for n in (20, 30)]
        assert [len(result.get(30)) for result in results] == [20, 30]
        display.flush()
        assert "bar 20" in output.getvalue()
        assert "30/30" in output.getvalue()

    def test_an_output_that_is_closed_disturbs_nothing(
        self, pool: Pool, plain: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        sys.stderr.close()
        assert pool.map(abs, range(5), progress=True) == [*range(5)]

    @pytest.mark.parametrize("items", [[0], [0.2] * 2], ids=["short", "long"])  # drawn here, and by a thread
    def test_no_result_is_lost_by_an_output_that_cannot_be_written_to(
        self, pool: Pool, monkeypatch: pytest.MonkeyPatch, items: list[float]
    ) -> None:
        seen: list[Any] = []
        monkeypatch.setenv("PROCESSING_PROGRESS", "plain")
        monkeypatch.setattr(threading, "excepthook", seen.append)
        with monkeypatch.context() as replaced:
            replaced.setattr(sys, "stderr", object())  # it cannot be written to
            assert pool.map(time.sleep, items, progress=True) == [None] * len(items)
        assert [report.exc_type for report in seen] == [AttributeError]
        assert display._display()._style is None

    @pytest.mark.parametrize("error", [OSError, RuntimeError])
    def test_no_result_is_lost_by_a_display_that_cannot_end(
        self, pool: Pool, plain: Output, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        def fail(lines: object) -> None:
            raise error

        monkeypatch.setattr(threading, "excepthook", lambda report: None)
        monkeypatch.setattr(styles.PlainLines, "close", fail)
        assert pool.map(abs, [-1], progress=True) == [1]
        assert display._display()._style is None


class TestOptions:
    def test_of_the_pool(self, context: Any, plain: Output) -> None:
        with Pool(1, context=context, progress="all") as pool:
            pool.map(abs, [1, 2])
            pool.map(abs, [1, 2], progress=False)
            assert pool.apply(abs, (-1,)) == 1
        pool.join()
        assert starts_of(plain) == ["all: 2 of 2 (100 %)"]

    def test_a_wrong_type(self, pool: Pool) -> None:
        with pytest.raises(TypeError, match="progress must be a bool or a label, not 1"):
            pool.map(abs, [1], progress=1)  # type: ignore[call-overload]

    def test_submit_passes_it_on(self, pool: Pool) -> None:
        assert pool.submit(dict, progress=True).result(30) == {"progress": True}


def test_several_maps_one_in_another(pool: Pool, plain: Output) -> None:
    for _ in pool.imap(abs, range(2), progress="outer"):
        pool.map(abs, range(3), progress="inner")
    assert sorted(starts_of(plain)) == [*["inner: 3 of 3 (100 %)"] * 2, "outer: 2 of 2 (100 %)"]


def test_a_bar_ends_with_what_is_cancelled(own_pool: Pool, plain: Output) -> None:
    results = own_pool.imap(abs, iter(int, 1), progress="endless")
    assert next(results) == 0
    results.close()
    display.flush()
    assert plain.getvalue().startswith("endless: ")
    assert display._display()._thread is None


def test_nothing_is_imported_without_it() -> None:
    program = (
        "import sys, processing_pool\n"
        "processing_pool.Pool\n"
        "print([m for m in sys.modules if m.startswith(('rich', 'processing_pool._progress.display'))])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert result.stdout == "[]\n"


def test_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(styles.time, "monotonic", lambda: now[0])
    text = io.StringIO()
    lines = styles.PlainLines(text)
    line = lines.begin("slow", Counts(0, 100, 0, 0), 0.0)
    for second in range(20):
        now[0] = float(second)
        lines.show(line, Counts(5 * second, 100, 0, 0), over=False)
    assert text.getvalue().splitlines() == [
        "slow: 10 of 100 (10 %), 5.00/s, 18 s left",
        "slow: 30 of 100 (30 %), 5.00/s, 14 s left",
        "slow: 70 of 100 (70 %), 5.00/s, 6 s left",
    ]


def test_tqdm_goes_on_working(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    tqdm = pytest.importorskip("tqdm")
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)  # a thread that stays
    monkeypatch.setattr(
        tqdm.tqdm, "_lock", threading.RLock(), raising=False
    )  # else multiprocessing's, with its tracker
    text = io.StringIO()
    assert len(list(tqdm.tqdm(pool.imap(abs, range(9)), total=9, file=text))) == 9
    assert "9/9" in text.getvalue()


class TestThreads:
    """A map that is over soon is drawn by the thread that called it."""

    PROGRAM = """
import sys, time, processing_pool
from traceback import walk_stack
from processing_core.lowlevel import DaemonThread
started = []
start = DaemonThread.start
DaemonThread.start = lambda thread: (started.append(thread.name), start(thread))
if __name__ == "__main__":
    with processing_pool.Pool(1, context={method!r}) as pool:
        pool.apply(int)
        pool.map({function}, {items}, progress="m")
    print("processing progress" in started)
    {after}
"""

    def run(self, function: str, items: str, after: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
        method = "fork" if "fork" in START_METHODS else "spawn"
        program = self.PROGRAM.format(method=method, function=function, items=items, after=after)
        return subprocess.run(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            env=buffered(PROCESSING_PROGRESS="plain"),
            text=True,
            check=True,
            timeout=60,
            **options,
        )

    @needs_selectable_pipes  # else a thread draws: none can tell whether a pipe takes a line
    def test_a_short_map_needs_none(self) -> None:
        result = self.run("abs", "range(1000)", stderr=subprocess.PIPE)
        assert result.stdout == "False\n"
        assert result.stderr.startswith("m: 1,000 of 1,000 (100 %), ")

    def test_a_long_map_has_one(self) -> None:
        result = self.run("time.sleep", "[0.1] * 3", stderr=subprocess.PIPE)
        assert result.stdout == "True\n"
        assert result.stderr.startswith("m: 3 of 3 (100 %), ")
        assert float(result.stderr.rpartition(" in ")[2].removesuffix(" s\n")) >= 0.3

    @needs_blocking_flags
    def test_an_output_that_nobody_reads_does_not_block(self) -> None:
        with full_pipe() as writing:
            assert self.run("abs", "range(10)", stderr=writing).stdout == "True\n"  # for it may wait

    @needs_blocking_flags
    def test_no_thread_holds_such_an_output_at_the_end(self) -> None:
        """CPython flushes it then, and would wait for the thread."""
        with full_pipe() as writing:
            look = "print([f.f_code.co_name for top in sys._current_frames().values() for f, _ in walk_stack(top)])"
            frames = self.run("abs", "range(10)", look, stderr=writing).stdout
        assert frames.startswith("True\n[") and "show" not in frames
