"""A share of CPython's own tests of `multiprocessing` and its executor, on ours; ``nox -s conformance`` runs them all.

It adds half a minute of a processor's time to a run, one to one and a half minutes where others use the processors.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from processing_testing.cpython.environment import METHODS

CLASSES = (
    "WithProcessesTestArray",
    "WithProcessesTestLock",
    "WithProcessesTestPicklingConnections",
    "WithProcessesTestPoolWorkerErrors",
    "WithProcessesTestQueue",
    "TestSimpleQueue",
    "ProcessPoolAsCompletedTest",
)
"""Quick tests of what most programs use; a class is run if its name contains one of these."""


@pytest.mark.attack  # of the newest interpreter alone, in a whole run
@pytest.mark.watchdog(300)
@pytest.mark.parametrize("method", METHODS)
def test_a_share_of_cpythons_tests(method: str) -> None:
    if importlib.util.find_spec("test") is None or importlib.util.find_spec("test._test_multiprocessing") is None:
        pytest.skip("this interpreter came without the package `test`, in which CPython's tests are")
    command = [sys.executable, "-m", "processing_testing.cpython", "--method", method, "--limit", "100", *CLASSES]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout
