"""Programs that become daemons, as python-daemon does it, and programs that are started without standard streams."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import processing
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

pytestmark = needs_forks

METHODS = processing.get_all_start_methods()

DAEMON = """
    import os, sys, time
    import processing

    method, before, folder, privileges = sys.argv[1:]

    def answer(queue, lock):
        print("not read by any process")
        with lock:
            queue.put(42)

    def double(number):
        return 2 * number

    def become_a_daemon():
        os.chdir("/")
        os.umask(0)
        if os.fork():
            os._exit(0)
        os.setsid()
        if os.fork():
            os._exit(0)
        os.closerange(0, 4096)
        os.open(os.devnull, os.O_RDWR)
        os.dup2(0, 1)
        os.dup2(0, 2)

    def drop_privileges():
        # All capabilities but those that let root read any file; another user may not reach the interpreter.
        import ctypes

        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        kept = (ctypes.c_uint32 * 6)(0b1111, 0b1111)  # effective and permitted, inheritable
        assert ctypes.CDLL(None, use_errno=True).capset(header, kept) == 0

    def work():
        context = processing.get_context(method)
        queue, lock = context.Queue(), context.Lock()
        child = context.Process(target=answer, args=(queue, lock))
        child.start()
        assert queue.get(timeout=30) == 42
        child.join(30)
        assert child.exitcode == 0, child.exitcode
        with context.Pool(1) as pool:
            assert pool.map(double, range(5)) == [0, 2, 4, 6, 8]
        with context.Manager() as manager:
            assert manager.list([1]).count(1) == 1
        if early is not None:
            early.put(1)
            assert early.get(timeout=30) == 1
        return "fine"

    if __name__ == "__main__":
        early = None
        if before == "made before":
            early = processing.Queue()
            early.put(0)
            early.get()
        parent = os.getpid()
        if not os.fork():
            become_a_daemon()
            while privileges == "unprivileged":  # and alone: its parents are gone
                if os.getppid() != parent and not os.path.exists(f"/proc/{parent}"):
                    break
                time.sleep(0.01)
            if privileges == "unprivileged" and os.geteuid() == 0:
                drop_privileges()
            try:
                text = work()
            except BaseException as error:
                text = f"{type(error).__name__} {getattr(error, 'errno', '')}: {error}"
            with open(f"{folder}/new", "w") as file:
                file.write(text)
            os.rename(f"{folder}/new", f"{folder}/result")
            os._exit(0)
        while privileges == "of a living parent" and not os.path.exists(f"{folder}/result"):
            time.sleep(0.01)
"""


def output_of_the_daemon(tmp_path: Path, *arguments: str) -> str:
    program, folder = tmp_path / "daemon.py", tmp_path / "folder"
    program.write_text(textwrap.dedent(DAEMON))
    folder.mkdir()
    method, before, privileges = arguments
    subprocess.run([sys.executable, str(program), method, before, str(folder), privileges], check=True, timeout=60)
    scripts.run(
        """
        import os, sys, time
        while not os.path.exists(sys.argv[1]):  # the daemon is no child of ours and can send no event
            time.sleep(0.02)
        """,
        str(folder / "result"),
    )
    return (folder / "result").read_text()


@pytest.mark.watchdog(150)
@pytest.mark.parametrize("before", ["made before", "made after"])
@pytest.mark.parametrize("method", METHODS)
def test_a_daemon(method: str, before: str, tmp_path: Path) -> None:
    """Everything works in it, also objects that it made before it closed all descriptors.

    It opens its family's memory again, which only root can do where no other process of the family has kept it open.
    """
    privileges = "privileged" if os.geteuid() == 0 else "of a living parent"
    assert output_of_the_daemon(tmp_path, method, before, privileges) == "fine"


@pytest.mark.watchdog(150)
@pytest.mark.parametrize("method", METHODS)
def test_an_unprivileged_daemon_that_is_alone(method: str, tmp_path: Path) -> None:
    """No process has its family's memory open any more, and the system lets only root open a mapping."""
    text = output_of_the_daemon(tmp_path, method, "made before", "unprivileged")
    assert text.startswith("OSError 9: ") and "keep it open, or make shared objects only after" in text


@pytest.mark.watchdog(150)
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_closed_standard_streams(method: str, closed: tuple[int, ...], tmp_path: Path) -> None:
    """Queues, pools and managers work where the number of a stream is free."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(DAEMON).partition("if __name__")[0]
        + textwrap.dedent(
            """
            if __name__ == "__main__":
                early = processing.Queue()
                try:
                    text = work()
                except BaseException as error:
                    text = repr(error)
                with open(f"{folder}/result", "w") as file:
                    file.write(text)
            """
        )
    )
    redirections = " ".join(f"{fd}>&-" for fd in closed)
    command = f'exec "$0" "$1" {method} before "$2" privileged {redirections}'
    subprocess.run(["sh", "-c", command, sys.executable, str(program), str(tmp_path)], timeout=120, check=False)
    assert (tmp_path / "result").read_text() == "fine"
