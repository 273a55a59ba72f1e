"""The examples run, and print what they should."""

import importlib.util
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
KILLED = -9 if hasattr(signal, "SIGKILL") else 9
EXPECTED = {
    "pipeline": f"a parser died: exit code {KILLED}, line 700\n2000 lines, sum 2666666000\n",
    "image_filter": "deviation 0.289 before, 0.096 after\n",
    "web_server": "10 answers, all from workers: True\n",
    "remote_manager": "[(7, 49), (8, 64), (9, 81)]\n",
    "pool": (
        "apply: 27\n"
        "apply_async: [0, 1, 8, 27, 64]\n"
        "map: [0, 1, 8, 27, 64]\n"
        "starmap: [8, 9]\n"
        "imap: [0, 1, 8, 27, 64]\n"
        "imap_unordered: [0, 1, 8, 27, 64]\n"
        "callback: [0, 1, 8]\n"
        "failures: ['0', 'ValueError', 'WorkerDied', '3']\n"
        "timeout: TaskTimeout\n"
        "cancel: True True\n"
        "terminate: ClosedError\n"
    ),
    "new_type": "16 not offered unless it is named\n[0, 1, 4, 9, 16, 25]\n42\n",
    "workers": "[1, 2, 4, 8, 16, 32, 64, 128, 256, 512]\nTrue\n",
    "synchronize": "value: 300\nevent: 0\ncondition: [0, 10, 20]\nbarrier: 1\n",
}


@pytest.mark.watchdog(120)
@pytest.mark.parametrize("name", EXPECTED)
def test_example(name: str) -> None:
    if name == "image_filter" and importlib.util.find_spec("numpy") is None:
        pytest.skip("NumPy is not installed: it has no wheel for this interpreter")
    command = [sys.executable, "-W", "error", str(FOLDER / f"{name}.py")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert (run.returncode, run.stdout, run.stderr) == (0, EXPECTED[name], "")
