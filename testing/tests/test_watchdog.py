import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from processing_testing.harness import processes

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the alarm is POSIX's")


def run(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on one file in a process of its own."""
    (folder / "test_it.py").write_text(textwrap.dedent(source))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


class TestAlarm:
    def test_a_hanging_test_fails_and_the_next_one_runs(self, tmp_path: Path) -> None:
        result = run(
            tmp_path,
            """
            import threading, pytest

            @pytest.mark.watchdog(0.3)
            def test_hangs():
                threading.Event().wait()

            def test_next():
                pass
            """,
        )
        assert result.returncode == 1
        assert "test_hangs (call) took longer than 0.3 s" in result.stdout
        assert "1 failed, 1 passed" in result.stdout

    def test_descendants_are_described_and_killed(self, tmp_path: Path) -> None:
        result = run(
            tmp_path,
            f"""
            import subprocess, sys

            def test_waits_for_a_child():
                child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
                open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
                child.wait()
            """,
            "--watchdog=1",
        )
        pid = int((tmp_path / "pid").read_text())
        assert f"--- process {pid} " in result.stdout
        assert "1 failed" in result.stdout
        info = processes.read(pid)
        assert info is None or info.state == "Z"  # until init has looked

    def test_swallowing_it_does_not_help(self, tmp_path: Path) -> None:
        result = run(
            tmp_path,
            """
            import threading

            def test_swallows():
                try:
                    threading.Event().wait()
                except Exception:
                    pass
            """,
            "--watchdog=0.3",
        )
        assert "1 failed" in result.stdout

    def test_setup_is_limited_too(self, tmp_path: Path) -> None:
        result = run(
            tmp_path,
            """
            import threading, pytest

            @pytest.fixture
            def stuck():
                threading.Event().wait()

            def test_never_begins(stuck):
                pass
            """,
            "--watchdog=0.3",
        )
        assert "test_never_begins (setup) took longer" in result.stdout
        assert "1 error" in result.stdout


class TestSidecar:
    def test_it_ends_a_run_whose_main_thread_cannot_be_woken(self, tmp_path: Path) -> None:
        # A blocked alarm has the same effect as a C call that does not check for signals.
        result = run(
            tmp_path,
            """
            import signal, threading

            def test_is_deaf():
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
                threading.Event().wait()
            """,
            "--watchdog=0.3",
            "--watchdog-grace=1",
        )
        assert result.returncode in (-signal.SIGABRT, -signal.SIGKILL)
        assert "ABORTING THE RUN" in result.stderr
        assert "test_is_deaf (call)" in result.stderr

    def test_it_is_nobodys_child(self) -> None:
        commands = [info.command for info in processes.family(os.getpid())]
        assert not any("sidecar" in command for command in commands)
