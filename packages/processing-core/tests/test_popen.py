"""Names that libraries take from `multiprocessing.popen_*`, ``forkserver`` and ``spawn``."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import processing_core
from processing_core import forkserver, lowlevel, popen, spawn
from processing_testing.children import functions as children
from processing_testing.children import killing
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks
from processing_testing.harness.rendezvous import Rendezvous

WAYS = pytest.mark.parametrize(
    ("cls", "method"),
    [
        pytest.param(popen.PopenFork, "fork", marks=needs_forks),
        pytest.param(popen.PopenForkServer, "forkserver", marks=needs_forks),
        (popen.PopenSpawn, "spawn"),
    ],
)


class TestPopen:
    @WAYS
    def test_it_starts_a_process_by_its_method(self, cls: type[popen.Popen], method: str) -> None:
        assert (cls.method, cls.__name__) == (method, "Popen")
        started = cls(processing_core.Process(target=children.exit_with, args=(3,)))
        assert started.pid > 0
        assert started.wait() == started.poll() == started.returncode == 3
        started.close()

    @WAYS
    @pytest.mark.parametrize(("way", "code"), [("terminate", -signal.SIGTERM), ("kill", -killing.SIGKILL)])
    def test_it_ends_it(self, cls: type[popen.Popen], method: str, way: str, code: int, rendezvous: Rendezvous) -> None:
        started = cls(processing_core.Process(target=children.spin, args=(rendezvous.address,)))
        assert rendezvous.receive() == started.pid
        assert started.wait(0) is None
        getattr(started, way)()
        assert started.wait() == code
        started.close()

    @WAYS
    def test_it_interrupts_it(self, cls: type[popen.Popen], method: str, rendezvous: Rendezvous) -> None:
        started = cls(processing_core.Process(target=children.wait_for_interrupt, args=(rendezvous.address,)))
        peer = rendezvous.accept()
        assert peer.receive() == started.pid
        started.interrupt()
        assert peer.receive() == "KeyboardInterrupt"
        assert started.wait() == 1
        started.close()

    @WAYS
    def test_it_keeps_no_exception_of_it(self, cls: type[popen.Popen], method: str) -> None:
        lowlevel.Lock()  # there is an arena from now on
        before = lowlevel.stats()["used"]
        for _ in range(5):
            started = cls(processing_core.Process(target=open, args=("/" + "x" * 300_000,)))
            assert started.wait() == 1
            started.close()
        assert lowlevel.stats()["used"] - before < 600_000  # five exceptions take more, two take less


class TestForkserver:
    def test_it_runs_before_the_first_process_is_started(self) -> None:
        scripts.run(
            """
            import processing_core
            from processing_core import forkserver
            from processing_core._start import _forkserver
            forkserver.ensure_running()
            server = _forkserver._state.server
            assert server.running()
            forkserver.ensure_running()
            process = processing_core.get_context("forkserver").Process(target=int)
            process.start()
            process.join()
            assert process.exitcode == 0 and _forkserver._state.server is server
            assert forkserver.get_inherited_fds() is None
            """
        )

    def test_what_the_server_does_when_it_cannot_import(self) -> None:
        program = """
            import sys
            import processing_core
            processing_core.set_forkserver_preload(["no_such_module", "colorsys"], on_error=sys.argv[1])
            process = processing_core.get_context("forkserver").Process(target=exit, args=(3,))
            try:
                process.start()
            except processing_core.ProcessError as error:
                print(error, *error.__notes__, file=sys.stderr)
                sys.exit(4)
            process.join()
            sys.exit(process.exitcode)
            """
        warning = "ImportWarning: the forkserver cannot import 'no_such_module': ModuleNotFoundError: No module named"
        assert scripts.errors(program, "ignore", status=3) == ""
        for choice, said in ("fail", "ModuleNotFoundError: No module named 'no_such_module'"), ("warn", warning):
            ended = scripts.errors(program, choice, status=4)  # warnings are errors in these programs
            assert said in ended
            assert "while it started ForkServerProcess-1 A module that it is to preload may have failed" in ended
        for options, shown in ([], 1), (["-W", "ignore"], 0):
            command = [sys.executable, *options, "-c", textwrap.dedent(program), "warn"]
            run = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
            assert run.returncode == 3 and run.stderr.count(warning) == shown, run

    def test_only_three_choices(self) -> None:
        with pytest.raises(ValueError, match="on_error must be 'ignore', 'warn' or 'fail', not 'raise'"):
            forkserver.set_forkserver_preload([], on_error="raise")  # type: ignore[arg-type]


class TestSpawn:
    def test_a_process_gets_the_preparation_data(self, tmp_path: Path) -> None:
        program = tmp_path / "program.py"
        program.write_text("import sys\nname = __name__\nif __name__ == '__main__':\n    sys.exit('run as the main')\n")
        data = {**spawn.get_preparation_data("Other"), "init_main_from_path": str(program), "dir": str(tmp_path)}
        data.pop("init_main_from_name", None)
        file = tmp_path / "data"
        file.write_bytes(pickle.dumps(data))
        scripts.run(
            """
            import os, pickle, sys
            import processing_core
            from processing_core import spawn
            was = sys.modules["__main__"]
            with open(sys.argv[1], "rb") as file:
                data = pickle.load(file)
            spawn.prepare(data)
            assert processing_core.current_process().name == "Other"
            assert processing_core.current_process().authkey == data["authkey"]
            assert sys.path == data["sys_path"] and sys.argv == data["sys_argv"]
            assert os.getcwd() == os.path.realpath(data["dir"])
            assert sys.modules["__main__"].name == "__mp_main__"
            assert spawn.old_main_modules == [was]
            """,
            str(file),
        )

    def test_the_interpreter(self) -> None:
        assert spawn.get_executable() == sys.executable
        spawn.set_executable("/other/python")
        try:
            assert spawn.get_executable() == "/other/python"
        finally:
            spawn.set_executable(None)

    def test_this_is_no_child_of_a_frozen_program(self) -> None:
        assert not spawn.is_forking(sys.argv)
        assert not spawn.WINEXE
        assert not spawn.WINSERVICE


def test_the_forkserver_is_known_by_its_process_id() -> None:
    scripts.run(
        """
        import os, select, signal
        import processing_core
        from processing_core.forkserver import server

        def run():
            process = processing_core.get_context("forkserver").Process(target=int)
            process.start()
            process.join(50)
            return process.exitcode

        if __name__ == "__main__":
            assert server._forkserver_pid is None
            assert run() == 0
            first = server._forkserver_pid
            os.kill(first, signal.SIGINT)  # which it ignores
            assert run() == 0 and server._forkserver_pid == first
            dead = os.pidfd_open(first)
            os.kill(first, signal.SIGKILL)
            assert select.select([dead], [], [], 50)[0]  # before, one of its spares may still serve a start
            assert run() == 0 and server._forkserver_pid not in (None, first)
            server._stop()
            assert server._forkserver_pid is None
            server._stop()
            assert run() == 0
        """
    )
