"""What processing raises for a misuse is an instance of what multiprocessing raises for it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parent / "misuse.py"
LIMIT = 120.0
"""Seconds for all cases; they take eight."""

DIFFERENT = {
    "Process, terminate before the start": "an AttributeError of the implementation's",
    "Process, kill before the start": "an AttributeError of the implementation's",
    "Semaphore, negative": "an OSError of the system's; a ValueError, as threading",
    "Semaphore, too large": "an OverflowError of the implementation's; a ValueError, as too small",
    "BoundedSemaphore, negative": "an OSError of the system's; a ValueError, as threading",
    "Condition, lock that is none": "an AttributeError of the implementation's; a TypeError",
    "connection, handle that is a text": "an AttributeError of the implementation's; a TypeError",
    "shared_memory, list with what it cannot hold": "a KeyError of the implementation's; a TypeError",
    "managers, unknown serializer": "a KeyError of the implementation's; a ValueError",
    "managers, use after shutdown": "which OSError it is depends on the way to the server; a ConnectionError",
}
"""The cases in which it is not, and what multiprocessing raises."""

if sys.version_info < (3, 12):
    DIFFERENT["connection, protocol error"] = "an AssertionError; an AuthenticationError since Python 3.12"

OVERLOOKED = {"contexts, preload that is no list"}
"""What multiprocessing lets pass in early releases of a version, such as 3.11.2, and refuses in later ones."""


def load() -> ModuleType:
    """The module of cases; it is no package's."""
    spec = importlib.util.spec_from_file_location("misuse", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = list(load().cases())


@pytest.fixture(scope="module")
def raised() -> dict[str, dict[str, list[str]]]:
    """By module and case: the classes of what was raised, the most derived first, and its text."""
    results = {}
    for module in ("multiprocessing", "processing"):
        command = [sys.executable, "-W", "ignore", str(SCRIPT), module]
        run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert run.returncode == 0, run.stderr
        results[module] = json.loads(run.stdout)
    return results


def plain(name: str) -> str:
    """A class of either project by its name alone, another by its full name."""
    package = name.partition(".")[0]
    return name.rpartition(".")[2] if package.startswith(("multiprocessing", "processing")) else name


@pytest.mark.watchdog(2 * LIMIT + 10)
@pytest.mark.parametrize("case", CASES)
def test_same_error_type(case: str, raised: dict[str, dict[str, list[str]]]) -> None:
    *theirs, _ = raised["multiprocessing"][case]
    *ours, text = raised["processing"][case]
    if theirs:
        same = plain(theirs[0]) in map(plain, ours)
    else:
        same = not ours or case in OVERLOOKED
    if case in DIFFERENT:
        assert ours, "nothing was raised"
        assert not same, "it is no difference any more"
    else:
        assert same, f"multiprocessing raises {theirs[:1]}, processing {ours[:1]}: {text}"


def test_every_difference_is_a_case() -> None:
    assert set(CASES) >= set(DIFFERENT)
    assert len(set(CASES)) == len(CASES) > 200
