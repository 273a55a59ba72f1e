"""Finds CPython's test classes, and runs each in a process group of its own."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from processing_testing.cpython.environment import module_for
from processing_testing.cpython.renaming import SWITCH

EXECUTOR_TESTS = "test.test_concurrent_futures"
OF_THE_EXECUTOR = ("process_pool", "shutdown", "deadlock", "init", "wait", "as_completed")


@dataclass(frozen=True)
class TestClass:
    """A class of tests, and the start method that it uses."""

    module: str
    name: str
    method: str


@dataclass(frozen=True)
class Outcome:
    """The outcome of one test: passed, skipped, failed or hung."""

    case: TestClass
    test: str
    result: str
    text: str

    @property
    def method(self) -> str:
        return self.case.method

    @property
    def suite(self) -> str:
        """What the test is of: ``"multiprocessing"`` or ``"the executor"``."""
        return "the executor" if EXECUTOR_TESTS in self.case.module else "multiprocessing"

    @property
    def is_bad(self) -> bool:
        return self.result in ("failed", "hung")

    @property
    def reason(self) -> str:
        """The last line of what the test printed."""
        return (self.text.strip().splitlines() or [""])[-1][:200]

    def __str__(self) -> str:
        return f"{self.case.module}.{self.case.name}.{self.test}"


def modules(method: str) -> list[str]:
    """The modules with the tests that concern a start method.

    Some installed interpreters do not have all of them: `make install` of 3.11.7 and of 3.12.1 does not copy the folder
    of the executor's tests.
    """
    return ["test.test_multiprocessing_main_handling", module_for(method), *_of_the_executor()]


@functools.cache
def _of_the_executor() -> tuple[str, ...]:
    spec = importlib.util.find_spec(EXECUTOR_TESTS)
    if spec is None:
        print(f"{EXECUTOR_TESTS} is MISSING from this interpreter, so NOT RUN", flush=True)
        return ()
    if spec.submodule_search_locations is None:
        return (EXECUTOR_TESTS,)
    return tuple(f"{EXECUTOR_TESTS}.test_{part}" for part in OF_THE_EXECUTOR)


def find(python: Path, methods: list[str]) -> Iterator[TestClass]:
    """:return: the classes that concern *methods*."""
    for method in methods:
        for module in modules(method):
            command = [str(python), "-m", "processing_testing.cpython.one_class", module]
            listing = subprocess.run(
                command, env=_variables(peer=True), stdout=subprocess.PIPE, check=True, timeout=120
            )
            for name in json.loads(listing.stdout.splitlines()[-1]):
                if concerns(module, name, method):
                    yield TestClass(module, name, method)


def concerns(module: str, name: str, method: str) -> bool:
    """Whether a class uses the start method: those of executors and of main modules have it in their names."""
    if "concurrent_futures" in module:
        return re.match(f"ProcessPool{method.capitalize()}[A-Z]", name) is not None
    if "main_handling" in module:
        return name.lower().startswith(method + "cmdline")
    return True


def run(python: Path, case: TestClass, limit: float, peer: bool) -> list[Outcome]:
    """Run a class's tests; those that were running or had not begun when the time was over have hung."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        record = Path(folder) / "record"
        record.touch()
        command = [str(python), "-m", "processing_testing.cpython.one_class", case.module, case.name, str(record)]
        with open(Path(folder) / "output", "w+") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=_variables(peer),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                ended = f"exit status {process.wait(limit)}"
            except subprocess.TimeoutExpired:
                ended = f"still running after {limit:g} s"
            finally:
                _end_group(process)
            output.seek(0)
            said = output.read()[-4000:]
        return list(outcomes(case, record.read_text(), f"{said}\n{ended}"))


def outcomes(case: TestClass, record: str, ended: str) -> Iterator[Outcome]:
    last: dict[str, dict[str, str]] = {}
    for line in record.splitlines():
        entry = json.loads(line)
        last[entry["test"]] = entry
    for entry in last.values():
        if entry["outcome"] == "began":
            yield Outcome(case, entry["test"], "hung", ended)
        else:
            yield Outcome(case, entry["test"], entry["outcome"], entry["text"])
    if not last:
        yield Outcome(case, "(nothing ran)", "failed", ended)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _variables(peer: bool) -> dict[str, str]:
    variables = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    variables.pop(SWITCH, None)
    return variables if peer else {**variables, SWITCH: "1"}
