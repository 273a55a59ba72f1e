"""The benchmarks run and write what they measured; no test depends on the figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.watchdog(120)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    "row",
    ["lock", "queue-small", "ping-pong", "value", "pool-map", "pool-apply", "threads-queue-int", "threads-pool-calls"],
)
def test_a_row(row: str, tmp_path: Path) -> None:
    result = run("--quick", "--rounds", "1", "--json", str(tmp_path / "figures.json"), row)
    assert result.returncode == 0, result.stdout + result.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["machine"]["cpus"] >= 1
    [measured] = figures["rows"]
    assert measured["row"] == row
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
