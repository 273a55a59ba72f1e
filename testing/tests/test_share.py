"""``--share``: a part of the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from processing_testing.harness import share

pytestmark = pytest.mark.once

TESTS = """
import pytest
@pytest.mark.parametrize("number", range(40))
def test_one(number): ...
"""


def names(folder: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", *options]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return [line for line in run.stdout.splitlines() if "::" in line]


def test_the_parts_are_all_tests_and_none_twice(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    parts = [names(tmp_path, "--share", f"{part}/4") for part in (1, 2, 3, 4)]
    assert all(parts)
    assert sorted(name for part in parts for name in part) == sorted(names(tmp_path))
    assert names(tmp_path, "--share", "2/4") == parts[1]


def test_a_test_stays_in_its_part() -> None:
    assert [share.part_of(f"tests/test_a.py::test_{n}", 4) for n in range(6)] == [4, 2, 4, 2, 3, 1]


@pytest.mark.parametrize("wrong", ["0/4", "5/4", "1", "a/b", "1/0"])
def test_what_is_no_share(wrong: str) -> None:
    with pytest.raises(ValueError, match="a share is K/N"):
        share._share(wrong)
