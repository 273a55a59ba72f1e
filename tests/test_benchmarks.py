"""The benchmarks run and write what they measured; no test depends on the figures."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks.page import rendered, spanning

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.once, pytest.mark.watchdog(120)]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    "row",
    [
        "lock",
        "queue-small",
        "ping-pong",
        "value",
        "pool-map",
        "pool-apply",
        "threads-queue-int",
        "threads-pool-calls",
        "worker-memory-fork",
    ],
)
def test_a_row(row: str, tmp_path: Path) -> None:
    result = run("--quick", "--rounds", "1", "--json", str(tmp_path / "figures.json"), row)
    assert result.returncode == 0, result.stdout + result.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["machine"]["cpus"] >= 1
    [measured] = figures["rows"]
    assert measured["row"] == row
    assert "<rect" in (tmp_path / "figures.html").read_text()
    assert measured["processing"]["problem"] is None
    assert measured["processing"]["median"] > 0
    first = measured["peers"][0]
    assert first["ratio"] == pytest.approx(first["median"] / measured["processing"]["median"])
    for peer in measured["peers"]:
        assert peer["problem"] in (None, "absent")
        assert peer["name"] in result.stdout


def test_an_unknown_row_is_refused() -> None:
    result = run("no-such-row")
    assert result.returncode == 2
    assert "no such row: no-such-row" in result.stderr


def side(seconds: list[float], ratio: float | None = None, problem: str | None = None) -> dict[str, Any]:
    median = None if problem else sorted(seconds)[len(seconds) // 2]
    return {"median": median, "seconds": seconds, "ratio": ratio, "floor": 20, "problem": problem}


def page_of(*rows: dict[str, Any]) -> str:
    machine = {"python": "3.13.0", "system": "Linux", "architecture": "x86_64", "cpus": 2}
    return rendered({"machine": machine, "rows": list(rows)})


def row(name: str, ours: float, theirs: float) -> dict[str, Any]:
    peer = {"name": "mp.<Pool>", **side([theirs], theirs / ours)}
    return {
        "row": name,
        "what": "a & b",
        "unit": "task",
        "measures": "seconds",
        "processing": side([ours]),
        "peers": [peer],
    }


class TestPage:
    def test_every_side_has_a_bar_and_its_figures(self) -> None:
        page = page_of(row("lock", 1e-6, 3e-6))
        assert page.count("<rect") == 2
        assert "mp.&lt;Pool&gt;" in page and "a &amp; b" in page
        assert "3 µs · 3x, below floor" in page

    def test_bars_are_as_long_as_the_logarithms(self) -> None:
        page = page_of(row("lock", 1e-6, 1e-4))
        ours, theirs = (float(width) for width in re.findall(r"<rect [^>]*width=([\d.]+)", page))
        axis = spanning([1e-6, 1e-4], 0, 400)
        assert theirs - ours == pytest.approx(axis(1e-4) - axis(1e-6), abs=0.2)

    def test_rows_that_differ_in_a_number_are_a_curve(self) -> None:
        page = page_of(row("pool-map-1e3", 3e-7, 1e-6), row("pool-map-1e6", 1e-7, 1e-6), row("pool-map-2", 1e-6, 1e-5))
        assert page.count("<polyline") == 2  # a row alone is none
        assert "number of operations" in page and "number of processes" not in page

    def test_what_was_not_measured_is_named(self) -> None:
        broken = {**row("lock", 1e-6, 1e-6), "processing": side([], problem="a reason"), "peers": []}
        page = page_of(broken)
        assert "processing: a reason" in page and "<svg" not in page

    def test_bytes_are_no_times(self) -> None:
        assert "2.5 MB" in page_of({**row("memory", 2_500_000.0, 5e6), "measures": "bytes"})

    def test_it_loads_nothing(self) -> None:
        assert not re.search(r"https?:|src=|@import|url\(", page_of(row("lock", 1e-6, 3e-6)))


def test_what_fails_is_reported() -> None:
    code = """
from benchmarks.comparison import Peer, Row
from benchmarks.interleave import Outcome, interleave
from benchmarks import report, rows

def measure(n):
    raise ValueError("a reason")

row = rows.ROWS["broken"] = Row("broken", "a row", "turn", measure, (Peer("x", measure, requires="no_such_module"),))
outcomes = interleave(row, 1, 0.1)
assert outcomes["x"].problem == "absent"
assert outcomes["processing"].problem
[line] = report.lines(row, outcomes)
assert line == ["a row", "failed", "x", "absent", "", "", "", ""], line
assert len(list(report.problems(row, outcomes))) == 1
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 0, result.stderr
