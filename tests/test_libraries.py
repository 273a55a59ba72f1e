"""The examples with other libraries, which run unmodified on our pool or processes."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples" / "libraries"
EXPECTED = {
    "scipy": "near the minimum",
    "emcee": "around 3",
    "tqdm": "249500250000 True",
    "asyncio": "24502500",
    "torch": "332833500",
}


@pytest.mark.watchdog(120)
@pytest.mark.parametrize("library", EXPECTED)
def test_example(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: it has no wheel for this interpreter")
    path = FOLDER / f"with_{library}.py"
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, timeout=110)
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, EXPECTED[library], "")
