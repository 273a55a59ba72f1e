"""Exclusions and modules in runs of CPython's own tests."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import re
import sys
from pathlib import Path

import pytest

from processing_testing.cpython.environment import METHODS, make_environment, module_for
from processing_testing.cpython.exclusions import Exclusion, Exclusions
from processing_testing.cpython.running import Outcome, find, modules
from processing_testing.cpython.running import TestClass as Class

# CPython's tests of executors, from 3.14 on, take an interpreter that can make sub-interpreters.
WHOLE = sys.version_info < (3, 14) or hasattr(concurrent.futures, "InterpreterPoolExecutor")
INSTALLED = bool(importlib.util.find_spec("test") and importlib.util.find_spec("test._test_multiprocessing"))


def outcome(test: str, result: str) -> Outcome:
    return Outcome(Class("module", "Class", "fork"), test, result, "")


class TestExclusions:
    def test_of_tests_that_pass_are_idle(self) -> None:
        entries = Exclusions([Exclusion(r"Class\.(a|b)", "why"), Exclusion(r"Class\.c", "why")])
        assert [entry.test for entry in entries.idle([outcome("a", "passed"), outcome("c", "failed")])] == [
            r"Class\.(a|b)"
        ]

    def test_of_tests_that_fail_or_do_not_exist_are_not(self) -> None:
        entries = Exclusions([Exclusion(r"Class\.(a|b)", "why"), Exclusion(r"Other\..*", "why")])
        assert not entries.idle([outcome("a", "passed"), outcome("b", "hung")])

    def test_that_are_optional_are_not(self) -> None:
        entries = Exclusions([Exclusion(r"Class\.a", "why", optional=True)])
        assert entries.covers(outcome("a", "failed")) and not entries.covers(outcome("ab", "failed"))
        assert not entries.idle([outcome("a", "passed")])

    def test_are_patterns_with_reasons_in_order(self) -> None:
        entries = Exclusions.read().entries
        assert all(re.compile(entry.test) and entry.reason.endswith(".") for entry in entries)
        assert [entry.test for entry in entries] == sorted(entry.test for entry in entries)


class TestModules:
    def test_of_executors_are_those_that_are_installed(self) -> None:
        assert any("concurrent" in module for module in modules("fork")) == (
            importlib.util.find_spec("test.test_concurrent_futures") is not None
        )

    @pytest.mark.skipif(not INSTALLED, reason="this interpreter came without CPython's tests")
    @pytest.mark.skipif(not WHOLE, reason="this interpreter has no InterpreterPoolExecutor")
    def test_of_multiprocessing_are_made_for_each_method(self, tmp_path: Path) -> None:
        found = list(find(make_environment(tmp_path), ["spawn"]))
        names = {case.name for case in found if case.module == module_for("spawn")}
        assert {"WithProcessesTestQueue", "WithManagerTestLock", "WithThreadsTestPool", "TestSyncManagerTypes"} <= names
        assert {case.method for case in found} == {"spawn"} and "spawn" in METHODS
