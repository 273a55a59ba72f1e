"""The main job, on a few files."""

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from processing_testing.harness.mechanisms import TRACES, needs_traces

CENSUS = Path(__file__).parent.parent / "examples" / "census.py"

FILES = {
    "plain.py": b"import os\nprint(os.name, os.name)\n",
    "deep/latin.py": "# -*- coding: latin-1 -*-\né = 1\n".encode("latin-1"),
    "empty.py": b"",
    "undecodable.py": b"x = '\xff'\n",
    "unknown.py": b"# -*- coding: no-such-encoding -*-\n",
    "unparsable.py": b"def (:\n",
    "null.py": b"x = 1\0\n",
    "doubtful.py": b"x = '\\d'\n",
    "site-packages/other.py": b"skipped = 1\n",
    "__pycache__/other.py": b"skipped = 1\n",
    "data.txt": b"skipped = 1\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return tmp_path


@pytest.fixture
def census(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    specification = importlib.util.spec_from_file_location("census", CENSUS)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "census", module)
    specification.loader.exec_module(module)
    return module


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CENSUS), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A run on 60 files of the standard library, and its trace if the system has traces."""
    trace = tmp_path_factory.mktemp("census") / "run.json"
    return run("--limit", "60", **({"PROCESSING_TRACE": str(trace)} if TRACES else {})), trace


def test_good_and_bad_files(folder: Path) -> None:
    result = run(str(folder), "--processes", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "8 files, " in result.stdout
    assert "8 of 8 files, 8 identifiers" in result.stderr
    assert "8 files, 8 identifiers, 5 different ones" in result.stdout
    commonest = [line.split()[1:] for line in result.stdout.splitlines() if line.startswith("   ") and ". " in line]
    assert commonest[0] == ["os", "3"]
    assert ["name", "2"] in commonest and ["é", "1"] in commonest and ["import", "1"] not in commonest
    assert "4 files do not decode or parse" in result.stdout
    for name in ["undecodable.py", "unknown.py", "unparsable.py", "null.py"]:
        assert f"  {name}: " in result.stdout
    assert "times as fast" in result.stdout
    assert "The pool's census is the single process's." in result.stdout


def test_the_standard_library_in_part(traced: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    result, _ = traced
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"60 files, {sysconfig.get_path('stdlib')}".split(",")[0] in result.stdout
    assert " 20. " in result.stdout
    assert result.stdout.count(" ms  ") == 10


@needs_traces
def test_its_trace_has_what_each_worker_ran(traced: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, trace = traced
    workers: dict[int, list[tuple[float, float, int]]] = {}
    for event in json.loads(trace.read_text())["traceEvents"]:
        if event.get("cat") == "task":
            assert event["name"] == "count_and_tell"
            span = event["ts"], event["dur"], event["args"]["items"]
            workers.setdefault(event["pid"], []).append(span)
    assert sum(items for spans in workers.values() for _, _, items in spans) == 60
    for spans in workers.values():
        time_of_all = max(begin + lasts for begin, lasts, _ in spans) - min(begin for begin, _, _ in spans)
        assert sum(lasts for _, lasts, _ in spans) == pytest.approx(time_of_all, rel=0.05)


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    result = run(str(tmp_path))
    assert result.returncode == 2
    assert f"there is no .py file below {tmp_path}" in result.stderr


class TestCheck:
    def test_a_wrong_census_ends_with_an_error(
        self, census: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        right = census.alone(census.sources(folder, None))
        wrong = right._replace(names=right.names + census.Counter(["os"]))
        monkeypatch.setattr(census, "together", lambda *arguments: (wrong, right.identifiers))
        assert census.main([str(folder)]) == 1
        assert "WRONG: 1 identifiers were counted differently: os" in capsys.readouterr().out

    def test_every_difference_is_named(self, census: ModuleType, folder: Path) -> None:
        right = census.alone(census.sources(folder, None))
        assert census.differences(right, right, right.identifiers) == []
        other = census.gather(right.tallies[4:], 0.0)
        found = census.differences(other, right, other.identifiers)
        assert len(found) == 4
        assert len(census.differences(other._replace(slowest=[]), right, other.identifiers)) == 5


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there is no terminal to watch from")
def test_a_bar_is_drawn_where_a_person_watches(folder: Path) -> None:
    pytest.importorskip("rich")
    ours, terminal = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [sys.executable, str(CENSUS), str(folder)], stdout=subprocess.DEVNULL, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        drawn = read_to_end(ours)
    os.close(ours)
    assert process.returncode == 0, drawn
    assert "8/8" in drawn


def read_to_end(descriptor: int) -> str:
    pieces = []
    try:
        while piece := os.read(descriptor, 65536):
            pieces.append(piece)
    except OSError:
        pass  # how Linux says that a terminal's other side is closed
    return b"".join(pieces).decode(errors="replace")


@pytest.mark.parametrize("example", ["census.py", "cluster_census.py"])
def test_a_link_that_leads_nowhere_is_left_out(tmp_path: Path, example: str) -> None:
    """As that of a distribution's library to a file of /etc that is not installed."""
    (tmp_path / "there.py").write_text("only = here\n")
    (tmp_path / "sitecustomize.py").symlink_to(tmp_path / "nowhere.py")
    program = (
        "import runpy, sys, sysconfig\n"
        "path, folder = sys.argv[1:]\n"
        "sys.argv[1:] = []\n"
        "sysconfig.get_path = lambda name: folder\n"
        "runpy.run_path(path, run_name='__main__')\n"
    )
    command = [sys.executable, "-c", program, str(CENSUS.with_name(example)), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "here" in run.stdout
