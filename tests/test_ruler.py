"""Comparing today's packages with a revision's: how it is judged, and each of the parts that measure."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import processing
import processing_core
import processing_managers
import processing_pool
import processing_queues
import processing_sync

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
try:
    from benchmarks import against, builds, instructions, judgement
    from benchmarks.comparison import OURS
    from benchmarks.interleave import ABSENT, Outcome, measure
    from benchmarks.judgement import AS_FAST, FASTER, MORE_INSTRUCTIONS, NOT_CONFIRMED, SLOWER
    from benchmarks.pidfd import PidfdHelper
    from benchmarks.rows import ROWS, SUBJECTS, subject_of
finally:
    sys.path.remove(str(ROOT))

pytestmark = [pytest.mark.once, pytest.mark.watchdog(120)]

PACKAGES = [
    processing,
    processing_core,
    processing_managers,
    processing_pool,
    processing_queues,
    processing_sync,
]
LIMIT = 0.03


class TestJudgement:
    def judged(self, today: float, noise: float = 0.0, counts: float | None = None) -> str:
        """The verdict if the revision's second copy takes longer than its first by the share *noise*."""
        rounds = 9
        times = judgement.compare([today] * rounds, [1.0] * rounds, [1.0 + noise] * rounds)
        compared = None if counts is None else judgement.compare_counts(counts, 1.0, 1.0)
        return judgement.verdict(times, compared, LIMIT)

    def test_an_unchanged_build_is_as_fast(self) -> None:
        assert self.judged(1.0) == AS_FAST
        assert self.judged(1.0, counts=1.0) == AS_FAST

    def test_slower_is_beyond_the_limit_and_confirmed(self) -> None:
        assert self.judged(1.05, counts=1.05) == SLOWER
        assert self.judged(1.02, counts=1.02) == AS_FAST

    def test_what_is_not_confirmed(self) -> None:
        assert self.judged(1.5, counts=1.02) == NOT_CONFIRMED

    def test_time_alone_decides_where_no_count_says_anything(self) -> None:
        assert self.judged(1.05) == SLOWER
        assert self.judged(1.02) == AS_FAST

    def test_within_the_noise_is_not_slower(self) -> None:
        assert self.judged(1.2, noise=0.3) == AS_FAST
        assert self.judged(1.2, noise=0.3, counts=1.0) == AS_FAST

    def test_more_instructions_are_told_though_the_noise_hides_the_time(self) -> None:
        assert self.judged(1.2, noise=0.3, counts=1.2) == MORE_INSTRUCTIONS

    def test_faster(self) -> None:
        assert self.judged(0.9) == FASTER
        assert self.judged(0.98) == AS_FAST
        assert self.judged(0.9, noise=0.3) == AS_FAST

    def test_a_machine_that_slows_down_slows_all_sides(self) -> None:
        drift = [1.0, 2.0, 4.0, 8.0, 16.0]
        times = judgement.compare([1.1 * value for value in drift], drift, drift)
        assert times.ratio == pytest.approx(1.1)
        assert times.spread == pytest.approx(0)

    def test_copies_that_agree_by_luck_are_not_quiet(self) -> None:
        then, again = [1.0, 1.0, 1.0, 1.0, 1.0], [0.5, 0.7, 1.0, 1.4, 2.0]
        assert judgement.compare(then, then, again).spread > 0.3

    def test_the_spread_has_no_direction(self) -> None:
        one = judgement.compare([1.0], [1.0], [1.25])
        other = judgement.compare([1.0], [1.25], [1.0])
        assert one.spread == pytest.approx(other.spread) == pytest.approx(0.25)

    def test_counts_of_what_spins_say_nothing(self) -> None:
        assert judgement.compare_counts(200.0, 100.0, 150.0) is None
        assert judgement.compare_counts(-5.0, 100.0, 100.0) is None
        counts = judgement.compare_counts(106.0, 100.0, 100.5)
        assert counts is not None
        assert counts.ratio == pytest.approx(1.06, abs=0.01)

    def test_undecided(self) -> None:
        assert judgement.Comparison(1.05, 0.0).undecided(LIMIT)
        assert judgement.Comparison(0.9, 0.05).undecided(LIMIT)
        assert not judgement.Comparison(1.02, 0.01).undecided(LIMIT)

    @pytest.mark.parametrize("sides", [([], [], []), ([1.0], [1.0], []), ([1.0, 2.0], [1.0], [1.0])])
    def test_as_many_rounds_of_each_side(self, sides: tuple[list[float], list[float], list[float]]) -> None:
        with pytest.raises(ValueError, match="as many rounds"):
            judgement.compare(*sides)


class TestCounting:
    def test_starting_cancels_out(self) -> None:
        commands: list[tuple[Sequence[str], Mapping[str, str]]] = []

        def count(command: Sequence[str], variables: Mapping[str, str]) -> int:
            commands.append((command, variables))
            return 5_000_000 + 7 * int(command[-1])

        assert instructions.per_operation(count, lambda n: ["x", str(n)], {"A": "b"}, (100, 300)) == 7
        assert all(variables == {"A": "b", "PYTHONHASHSEED": "0"} for _, variables in commands)

    def test_reports_of_callgrind(self) -> None:
        assert instructions.parse_callgrind({7, 8}, {7: "x\ntotals: 12\n", 8: "summary: 3\ntotals: 3\n"}) == 15
        with pytest.raises(instructions.CountError):
            instructions.parse_callgrind([], {})

    @pytest.mark.parametrize("reports", [{7: "totals: 12\n"}, {7: "totals: 12\n", 8: ""}], ids=["none", "empty"])
    def test_a_process_without_a_count_makes_the_sum_wrong(self, reports: dict[int, str]) -> None:
        with pytest.raises(instructions.CountError, match="1 of 2 processes left no count"):
            instructions.parse_callgrind({7, 8}, reports)

    def test_reports_of_perf(self) -> None:
        assert instructions.parse_perf("# started\n\n1234,,instructions:u,99,100.00,,\n") == 1234
        for report in ["", "<not supported>,,instructions:u,0,100.00,,\n"]:
            with pytest.raises(instructions.CountError):
                instructions.parse_perf(report)

    @pytest.mark.skipif(shutil.which("valgrind") is None, reason="there is no valgrind")
    def test_callgrind_counts_children_too(self) -> None:
        alone = instructions._by_callgrind(["sh", "-c", "true"], os.environ)
        with_child = instructions._by_callgrind(["sh", "-c", "/bin/true; true"], os.environ)
        assert 0 < alone < with_child

    def test_a_program_that_fails_has_no_count(self) -> None:
        with pytest.raises(instructions.CountError, match="a reason"):
            instructions._run([sys.executable, "-c", "raise SystemExit('a reason')"], os.environ)

    def test_every_row_has_its_subject(self) -> None:
        needing_a_library = {"clusters"}  # without dask it has no rows
        assert {subject_of(name) for name in ROWS} | needing_a_library == set(SUBJECTS)

    def test_a_row_can_be_counted(self) -> None:
        command = [sys.executable, "-m", "benchmarks.counted", "lock", "lock", "10"]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


USES_PIDFDS = """
import os, select, signal, sys
assert os.environ["LD_PRELOAD"]
pid = os.fork()
if pid == 0:
    signal.pause()
pidfd = os.pidfd_open(pid)
assert not os.get_inheritable(pidfd)
assert not select.select([pidfd], [], [], 0)[0]
signal.pidfd_send_signal(pidfd, signal.SIGKILL)
assert select.select([pidfd], [], [], 30)[0]
assert os.waitid(os.P_PIDFD, pidfd, os.WEXITED).si_status == signal.SIGKILL
for call in [lambda: os.pidfd_open(pid), lambda: signal.pidfd_send_signal(pidfd, 0)]:
    try:
        call()
    except ProcessLookupError:
        print("gone")
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
def test_pidfds_by_a_helper(nothing_left: None) -> None:
    with PidfdHelper() as helper:
        variables = {**os.environ, **helper.variables}
        command = [sys.executable, "-c", USES_PIDFDS]
        result = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    assert (result.returncode, result.stdout) == (0, "gone\ngone\n"), result.stderr


def copies(place: Path) -> against.Builds:
    """The installed packages, once for each side."""
    folders = {side: place / str(number) for number, side in enumerate(against.SIDES)}
    for folder in folders.values():
        for package in PACKAGES:
            source = Path(package.__path__[0])
            shutil.copytree(source, folder / source.name)
    return against.Builds("0" * 40, folders)


@contextmanager
def no_counter() -> Iterator[None]:
    yield None


class TestAgainst:
    @pytest.fixture
    def sides(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> against.Builds:
        monkeypatch.setattr(instructions, "counter", no_counter)  # a count takes half a minute
        return copies(tmp_path / "sides")

    def run(self, sides: against.Builds, tmp_path: Path) -> bool:
        plan = against.Plan([ROWS["lock"]], rounds=3, goal=0.01, limit=LIMIT)
        return against.run(plan, sides, tmp_path / "figures.json")

    def test_more_work_is_slower(
        self, sides: against.Builds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with (sides.folders[against.TODAY] / "processing_sync" / "__init__.py").open("a") as file:
            file.write(
                "class Lock(Lock):\n"
                "    def acquire(self):\n"
                "        for _ in range(5000): pass\n"
                "        return super().acquire()\n"
            )
        assert self.run(sides, tmp_path)
        output = capsys.readouterr().out
        assert SLOWER in output
        assert "times alone decide" in output
        figures = (tmp_path / "figures.json").read_text()
        assert f'"verdict": "{SLOWER}"' in figures
        assert figures.count('"operations"') == 3

    def test_what_the_revision_lacks_is_absent(
        self, sides: against.Builds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for side in (against.THEN, against.AGAIN):
            with (sides.folders[side] / "processing_sync" / "__init__.py").open("a") as file:
                file.write("del Lock\n")
        assert not self.run(sides, tmp_path)
        assert ABSENT in capsys.readouterr().out

    def test_what_today_cannot_do_fails(
        self, sides: against.Builds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with (sides.folders[against.TODAY] / "processing" / "__init__.py").open("a") as file:
            file.write("raise RuntimeError('a reason')\n")
        assert self.run(sides, tmp_path)
        output = capsys.readouterr().out
        assert "failed" in output
        assert "lock, today: RuntimeError: a reason" in output

    def test_other_packages_than_those_of_the_side_are_noticed(self, tmp_path: Path) -> None:
        outcome = Outcome("today")
        measure(ROWS["lock"], OURS, outcome, 0.001, packages=tmp_path)
        assert outcome.problem is not None
        assert "instead of those in" in outcome.problem

    def test_an_unknown_revision_is_refused(self) -> None:
        with pytest.raises(builds.BuildError, match="no-such-revision"):
            builds.resolve("no-such-revision")
        command = [sys.executable, "-m", "benchmarks", "--against", "no-such-revision", "lock"]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert result.returncode == 2
        assert "no-such-revision" in result.stderr
