"""CPython's tests of `multiprocessing` on Windows, of multiprocessing itself and of `processing` in its place.

`windows_suite.py` runs them under Wine: ``nox -s windows -- 3.13 cpython [WORDS ...]``. Each class runs on both sides
at the same time, each in a Wine of its own. What fails on multiprocessing there need not pass; what passes on it and
fails on `processing` must stand in ``exclusions.toml``, as on other systems.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent / "src"))

from processing_testing.cpython.environment import HOOK, MAKING, module_for
from processing_testing.cpython.exclusions import Exclusions
from processing_testing.cpython.renaming import SWITCH
from processing_testing.cpython.running import EXECUTOR_TESTS, OF_THE_EXECUTOR, Outcome, TestClass, concerns, outcomes

if TYPE_CHECKING:
    from windows_suite import Windows

METHOD = "spawn"
ONE_CLASS = ["-m", "processing_testing.cpython.one_class"]
TEST_SECONDS = 240.0
CLASS_SECONDS = 1200.0
TIMES = 4
"""How often a class is begun again, without the tests it was run with, after one of them has hung."""
NEEDED = [
    "__init__.py",
    "support",
    "_test_multiprocessing.py",
    "test_multiprocessing_*",
    "test_concurrent_futures*",
    "mp_*",
]
"""Of the package `test`."""


def prepare(library: Path, place: Path) -> None:
    """Give an assembled CPython the tests, the hook that renames, and what the hook needs.

    :param library: the standard library of a CPython that runs here.
    """
    tests = place / "Lib" / "test"
    tests.mkdir(exist_ok=True)
    for path in [found for pattern in NEEDED for found in (library / "test").glob(pattern)]:
        if path.is_dir():
            shutil.copytree(path, tests / path.name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy(path, tests)
    packages = place / "Lib" / "site-packages"
    own = Path(__file__).parent / "src" / "processing_testing"
    shutil.copytree(own, packages / own.name, dirs_exist_ok=True)
    (packages / "renamed.pth").write_text(HOOK)
    (packages / f"{module_for(METHOD)}.py").write_text(MAKING.format(method=METHOD))


def find(windows: Windows, words: list[str]) -> Iterator[TestClass]:
    """The classes whose module or name holds one of the words, or all."""
    executor = [f"{EXECUTOR_TESTS}.test_{part}" for part in OF_THE_EXECUTOR]
    for module in [module_for(METHOD), "test.test_multiprocessing_main_handling", *executor]:
        good, written = windows.run(*ONE_CLASS, module)
        if not good:
            raise RuntimeError(f"{module} cannot be listed: {written}")
        for name in json.loads(written.strip().splitlines()[-1]):
            if concerns(module, name, METHOD) and (not words or any(word in f"{module}.{name}" for word in words)):
                yield TestClass(module, name, METHOD)


def run(windows: Windows, case: TestClass, variables: dict[str, str]) -> list[Outcome]:
    """Run a class's tests on one side."""
    done: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as folder:
        for number in range(TIMES):
            record = Path(folder) / f"record{number}"
            record.touch()
            command = [*ONE_CLASS, case.module, case.name, str(record), "--seconds", str(TEST_SECONDS)]
            good, written = windows.run(
                *command, "--without", *done, seconds=CLASS_SECONDS, folder=Path(folder), variables=variables
            )
            if not good:
                windows.end()  # also what it started and left
            found = {outcome.test: outcome for outcome in outcomes(case, record.read_text(), written[-4000:])}
            if done and "(nothing ran)" in found:
                break
            done.update(found)
            if good or not any(outcome.result == "hung" for outcome in found.values()):
                break
    return list(done.values())


def compare(windows: Windows, other: Windows, words: list[str]) -> bool:
    """Run the tests on both sides, and print a line for each class; whether ours passes all that it should.

    :param windows: for the tests on `processing`.
    :param other: for those on multiprocessing.
    """
    exclusions = Exclusions.read()
    total = [0, 0, 0]
    bad = []
    print(f"{'class':64} tests  multiprocessing  processing", flush=True)
    with ThreadPoolExecutor(2) as threads:
        for case in find(windows, words):
            both = [threads.submit(run, windows, case, {SWITCH: "1"}), threads.submit(run, other, case, {})]
            ours, theirs = ({outcome.test: outcome for outcome in future.result()} for future in both)
            passed = [{test for test, outcome in side.items() if outcome.result == "passed"} for side in (theirs, ours)]
            tried = {test for side in (ours, theirs) for test, outcome in side.items() if outcome.result != "skipped"}
            figures = [len(tried), *map(len, passed)]
            total = [a + b for a, b in zip(total, figures, strict=True)]
            print(f"{case.name:64} {figures[0]:5}  {figures[1]:15}  {figures[2]:10}", flush=True)
            for test in sorted(tried - passed[1]):
                outcome = ours.get(test) or Outcome(case, test, "failed", "(not run)")
                of_both = "" if test in passed[0] else ", as with multiprocessing"
                listed = ", which is excluded" if exclusions.covers(outcome) else ""
                print(
                    f"    {outcome.result}: {outcome.case.name}.{test}{of_both}{listed}: {outcome.reason}", flush=True
                )
                if not (of_both or listed):
                    bad.append(outcome)
    print(f"{'all':64} {total[0]:5}  {total[1]:15}  {total[2]:10}")
    for outcome in bad:
        print(f"FAILED {outcome}\n{outcome.text}", flush=True)
    return not bad and total[2] > 0
