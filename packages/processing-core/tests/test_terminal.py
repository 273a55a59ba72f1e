"""Ctrl-C, standard streams and the end of a program, in a terminal and with pipes."""

from __future__ import annotations

import errno
import importlib.util
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from processing_testing.harness import processes

if not hasattr(os, "openpty"):
    pytest.skip("the system has no pseudo-terminals", allow_module_level=True)

CTRL_C = b"\x03"

SLEEPERS = """
import os, sys, time
import processing_core
def sleep(seconds):
    os.write(1, b"sleeping\\n")
    time.sleep(seconds)
def spin():
    os.write(1, b"sleeping\\n")
    while True:
        pass
if __name__ == "__main__":
    context = processing_core.get_context(sys.argv[1])
    children = [
        context.Process(target=sleep, args=(600,)),
        context.Process(target=sleep, args=(600,), daemon=True),
        context.Process(target=spin),
    ]
    for child in children:
        child.start()
    os.write(1, b"joining\\n")
    for child in children:
        child.join()
"""

OWN_MEANS = """
import signal, sys
import processing_core
def patient(fifo):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("deaf", flush=True)
    open(fifo).close()  # until its parent opens it, too
    sys.exit(7)
if __name__ == "__main__":
    child = processing_core.get_context(sys.argv[1]).Process(target=patient, args=sys.argv[2:])
    child.start()
    try:
        print("joining", flush=True)
        child.join()
    except KeyboardInterrupt:
        assert child.is_alive()
        open(sys.argv[2], "w").close()
        child.join()
        print("exit code", child.exitcode)
"""


class Terminal:
    """A program that has a terminal of its own."""

    def __init__(self, path: Path, *arguments: str) -> None:
        import pty  # which some systems lack

        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, str(path), *arguments])
        self.shown = ""

    def until(self, text: str, times: int = 1) -> None:
        while self.shown.count(text) < times:
            assert self._read(), self.shown

    def press(self, key: bytes) -> None:
        os.write(self.fd, key)

    def end(self) -> int:
        """Read the output until every process has closed the terminal; return the exit code."""
        while self._read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        assert select.select([self.fd], [], [], 40)[0], self.shown
        try:
            data = os.read(self.fd, 4096)
        except OSError as error:
            if error.errno != errno.EIO:  # the last process that had the terminal open has ended
                raise
            return False
        self.shown += data.decode()
        return bool(data)


def _await_end(info: processes.ProcessInfo) -> None:
    """Wait for the end of a process that has closed its descriptors, as one does shortly before it ends."""
    try:
        death = os.pidfd_open(info.pid)
    except ProcessLookupError:
        return
    try:
        now = processes.read(info.pid)
        assert now is None or now.started != info.started or select.select([death], [], [], 2)[0], f"{info} is left"
    finally:
        os.close(death)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "program.py"
    path.write_text(text)
    return path


class TestCtrlC:
    def test_ends_everything(self, tmp_path: Path, method: str) -> None:
        terminal = Terminal(write(tmp_path, SLEEPERS), method)
        terminal.until("sleeping", 3)
        terminal.until("joining")
        family = processes.family(terminal.pid)
        terminal.press(CTRL_C)
        pressed = time.monotonic()
        code = terminal.end()
        assert time.monotonic() - pressed < 2  # promise 8 is one second; it takes 0.04 s on an idle machine
        assert code == -signal.SIGINT
        assert terminal.shown.count("Traceback (most") == 1, terminal.shown
        assert "KeyboardInterrupt" in terminal.shown.splitlines()[-1], terminal.shown
        for info in family:
            _await_end(info)

    def test_leaves_a_child_to_its_own_means(self, tmp_path: Path, method: str) -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        terminal = Terminal(write(tmp_path, OWN_MEANS), method, str(fifo))
        terminal.until("deaf")
        terminal.until("joining")
        terminal.press(CTRL_C)
        assert terminal.end() == 0
        assert "exit code 7" in terminal.shown and "Traceback" not in terminal.shown

    def test_by_a_signal_to_the_group(self, tmp_path: Path, method: str) -> None:
        """The signal to a program with pipes, as by a shell's `kill -INT -PGID` or by a terminal."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, write(tmp_path, SLEEPERS), method]
        process = subprocess.Popen(command, text=True, start_new_session=True, **pipes)
        assert process.stdout is not None
        told = sorted(process.stdout.readline() for _ in range(4))
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)  # all processes have closed their ends of the pipes
        assert errors.count("Traceback (most") == 1, errors
        assert (told, process.returncode) == (["joining\n"] + ["sleeping\n"] * 3, -signal.SIGINT)


STREAMS = """
import atexit, os, sys
import processing_core
def child(how):
    sys.stdout.write("child;")
    sys.stderr.write("error;")
    if how == "exit":
        sys.exit(3)
    if how == "os._exit":
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(4)
    if how == "atexit":
        atexit.register(lambda: sys.stdout.write("at exit;"))
        atexit.register(lambda: 1 / 0)
    if how == "stdin":
        sys.stdout.write(repr(sys.stdin.read()) + ";" + repr(os.read(0, 10)) + ";")
if __name__ == "__main__":
    sys.stdout.write("parent;")  # held back, and not the child's to write
    context = processing_core.get_context(sys.argv[1])
    process = context.Process(target=child, args=(sys.argv[2],))
    process.start()
    process.join()
    sys.stdout.write(f"{process.exitcode};{sys.stdin.read()}")
"""


class TestStreams:
    @pytest.mark.parametrize(
        ("how", "output", "code"),
        [("return", "", 0), ("exit", "", 3), ("os._exit", "", 4), ("atexit", "at exit;", 0), ("stdin", "'';b'';", 0)],
    )
    def test_each_thing_once(self, tmp_path: Path, method: str, how: str, output: str, code: int) -> None:
        path = write(tmp_path, STREAMS)
        run = subprocess.run(
            [sys.executable, path, method, how], input="of the parent", capture_output=True, text=True, timeout=50
        )
        assert run.returncode == 0, run.stderr
        parts = run.stdout.split(";")
        assert sorted(parts) == sorted(f"parent;child;{output}{code};of the parent".split(";"))
        assert run.stderr.count("error;") == 1
        assert run.stderr.count("ZeroDivisionError") == (how == "atexit")

    def test_breakpoint_with_stdin(self, tmp_path: Path, method: str) -> None:
        """A child may open the terminal again, as for a debugger."""
        program = (
            "import sys, processing_core\n"
            "def child():\n"
            "    sys.stdin = open('/dev/tty')\n"
            "    secret = 6 * 7\n"
            "    breakpoint()\n"
            "    print('after', secret)\n"
            "if __name__ == '__main__':\n"
            "    process = processing_core.get_context(sys.argv[1]).Process(target=child)\n"
            "    process.start()\n"
            "    process.join()\n"
            "    print('exit code', process.exitcode)\n"
        )
        terminal = Terminal(write(tmp_path, program), method)
        terminal.until("(Pdb) ")
        terminal.press(b"p secret + 1\n")
        terminal.until("43")
        terminal.until("(Pdb) ", 2)
        terminal.press(b"secret = 5\n")
        terminal.until("(Pdb) ", 3)
        terminal.press(b"continue\n")
        assert terminal.end() == 0
        assert "after 5" in terminal.shown and "exit code 0" in terminal.shown


def test_coverage_of_children(tmp_path: Path, method: str) -> None:
    """The configuration that the documentation names measures the children of every start method."""
    if importlib.util.find_spec("coverage") is None:
        pytest.skip("coverage is not installed")
    (tmp_path / "measured.py").write_text("def child():\n    only_here = 1\n    return only_here\n")
    (tmp_path / ".coveragerc").write_text("[run]\nparallel = true\nsource = .\npatch = subprocess, fork, _exit\n")
    path = write(
        tmp_path,
        "import sys, processing_core, measured\n"
        "if __name__ == '__main__':\n"
        "    process = processing_core.get_context(sys.argv[1]).Process(target=measured.child)\n"
        "    process.start()\n"
        "    process.join()\n",
    )
    for arguments in (["run", str(path), method], ["combine"]):
        subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=tmp_path, check=True, timeout=50)
    show = "import coverage; c = coverage.Coverage(); c.load(); print(*sorted(c.get_data().lines(sys.argv[1])))"
    run = subprocess.run(
        [sys.executable, "-c", "import sys; " + show, str(tmp_path / "measured.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["1", "2", "3"]
