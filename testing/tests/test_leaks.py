import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from processing_testing.harness.leaks import SHM, leaves_nothing


def test_nothing() -> None:
    with leaves_nothing():
        pass


def test_a_descriptor_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="descriptors: .*left_open"), leaves_nothing(grace=0):
        file = (tmp_path / "left_open").open("w")
    file.close()


def test_a_thread_is_found() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name="left-running")
    with pytest.raises(AssertionError, match="threads: .*left-running"), leaves_nothing(grace=0):
        thread.start()
    done.set()
    thread.join()


def _paused() -> subprocess.Popen[bytes]:
    script = "import signal; print(flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()  # now it has its command line, by which the test recognizes it
    return child


def test_a_child_is_found() -> None:
    with pytest.raises(AssertionError, match="processes: .*signal.pause"), leaves_nothing(grace=0):
        child = _paused()
    with child:
        child.kill()


def test_an_orphan_is_found() -> None:
    # The child in between has ended, so only the process group shows where the orphan belongs.
    script = "import os, signal\nif os.fork(): os._exit(0)\nsignal.pause()  # orphan"
    left: list[str] = []
    with leaves_nothing(grace=0, expected=lambda thing: not left.append(thing)):
        subprocess.run([sys.executable, "-c", script], check=True)
    assert "# orphan" in left[0]
    os.kill(int(left[0].split()[2]), 9)


@pytest.mark.skipif(not SHM.is_dir(), reason="there is no /dev/shm")
def test_shared_memory_is_found() -> None:
    entry = SHM / f"processing-testing-{os.getpid()}"
    with pytest.raises(AssertionError, match="shared memory: .*processing-testing"), leaves_nothing(grace=0):
        entry.touch()
    entry.unlink()


def test_an_ended_orphan_is_its_new_parents() -> None:
    script = "import os\nif not os.fork(): os._exit(0)\nos.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)"
    with leaves_nothing(grace=0):
        subprocess.run([sys.executable, "-c", script], check=True)


def test_what_goes_away_in_time_is_no_leak() -> None:
    with leaves_nothing():
        timer = threading.Timer(0.05, lambda: None)
        timer.start()
    timer.join()


def test_what_is_expected_may_stay(tmp_path: Path) -> None:
    with leaves_nothing(grace=0, expected=lambda thing: "left_open" in thing):
        file = (tmp_path / "left_open").open("w")
    file.close()


def test_a_thread_that_goes_on_fails_its_test(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        """
import threading

over = threading.Event()

def test_it():
    threading.Thread(target=over.wait, args=(30,), daemon=True, name="left-running").start()

def test_the_next():
    over.set()
"""
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert "2 passed, 1 error" in run.stdout and "left behind: <Thread(left-running" in run.stdout, run
    assert "in wait" in run.stdout  # the stack of the thread
