"""Runs the tests of one class, and writes each outcome to a file as soon as it is known: ``MODULE CLASS FILE``.

Without a class it lists the classes of the module that have tests.  ``--seconds N`` ends this process, showing its
stacks, when a test takes longer; ``--without TEST ...`` leaves out those that were run before that.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import unittest
from importlib import import_module
from typing import Any, TextIO


class Recorder(unittest.TestResult):
    """Writes a line of JSON when a test begins, and one when it has ended."""

    def __init__(self, file: TextIO, seconds: float | None = None) -> None:
        super().__init__()
        self._file, self._seconds = file, seconds
        self._outcome: tuple[str, str] = ("passed", "")

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._outcome = ("passed", "")
        self._write(test, "began", "")
        if self._seconds is not None:
            faulthandler.dump_traceback_later(self._seconds, exit=True)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()
        self._write(test, *self._outcome)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._outcome = ("failed", self.failures[-1][1])

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._outcome = ("failed", self.errors[-1][1])
        if not isinstance(test, unittest.TestCase):  # such as setUpModule or setUpClass: stopTest is not called
            self._write(test, *self._outcome)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._outcome = ("failed", (self.failures + self.errors)[-1][1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._outcome = ("skipped", reason)
        if not isinstance(test, unittest.TestCase):
            self._write(test, *self._outcome)

    def _write(self, test: Any, outcome: str, text: str) -> None:
        name = test.id().rpartition(".")[2] if isinstance(test, unittest.TestCase) else str(test).partition(" ")[0]
        self._file.write(json.dumps({"test": name, "outcome": outcome, "text": text[-4000:]}) + "\n")
        self._file.flush()


def classes(module: str) -> list[str]:
    """:return: the names of the classes in *module* that have tests."""
    loader = unittest.defaultTestLoader
    return sorted(
        name
        for name, value in vars(import_module(module)).items()
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and loader.getTestCaseNames(value)
    )


def main() -> None:
    faulthandler.enable()
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("name", nargs="?")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--without", nargs="*", default=[])
    options = parser.parse_args()
    if options.name is None:
        print(json.dumps(classes(options.module)))
        return
    case = getattr(import_module(options.module), options.name)
    names = [name for name in unittest.defaultTestLoader.getTestCaseNames(case) if name not in options.without]
    with open(options.file, "a") as file:
        unittest.TestSuite(map(case, names)).run(Recorder(file, options.seconds))


if __name__ == "__main__":
    main()
