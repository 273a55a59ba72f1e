"""Settings of a program for the start of its processes."""

from __future__ import annotations

import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import processing_core
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import UNFORKED, needs_executable_scripts, needs_forkserver

EXECUTING = pytest.mark.parametrize("method", sorted(UNFORKED, reverse=True))


class TestExecutable:
    @needs_executable_scripts
    @EXECUTING
    @pytest.mark.parametrize("kind", ["str", "bytes", "path"])
    def test_it_is_what_is_started(self, method: str, kind: str, tmp_path: Path) -> None:
        wrapper = tmp_path / "python"
        wrapper.write_text(f'#!/bin/sh\nWRAPPED=yes exec {sys.executable} "$@"\n')
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        scripts.run(
            """
            import os, pathlib, sys
            import processing_core

            def child():
                sys.exit(3 if os.environ.get("WRAPPED") else 4)

            method, kind, path = sys.argv[1:]
            processing_core.set_start_method(method)
            processing_core.set_executable({"str": str, "bytes": os.fsencode, "path": pathlib.Path}[kind](path))
            process = processing_core.Process(target=child)
            process.start()
            process.join()
            assert process.exitcode == 3, process
            """,
            method,
            kind,
            str(wrapper),
        )

    @EXECUTING
    @pytest.mark.parametrize("value", ["''", "None"])
    def test_without_one_the_error_names_the_remedy(self, method: str, value: str) -> None:
        scripts.run(
            f"""
            import sys
            import processing_core

            sys.executable = {value}
            processing_core.set_start_method({method!r})
            try:
                processing_core.Process(target=print).start()
            except RuntimeError as error:
                assert "set_executable" in str(error), error
            else:
                sys.exit("it started")
            """
        )

    def test_none_is_the_interpreter(self) -> None:
        processing_core.set_executable(None)


class TestForkserverPreload:
    @needs_forkserver
    def test_modules_are_there_in_the_children(self) -> None:
        scripts.run(
            """
            import sys
            import processing_core

            def child():
                sys.exit(3 if "colorsys" in sys.modules else 4)

            processing_core.set_forkserver_preload(["colorsys", "no_such_module"])
            process = processing_core.get_context("forkserver").Process(target=child)
            process.start()
            process.join()
            assert process.exitcode == 3, process
            """
        )

    @pytest.mark.parametrize("names", ["wave", [1], ["wave", None]])
    def test_only_names_will_do(self, names: list[str]) -> None:
        with pytest.raises(TypeError, match="list of strings"):
            processing_core.set_forkserver_preload(names)


class TestFreezeSupport:
    def test_it_does_nothing_in_a_program_that_is_not_frozen(self) -> None:
        processing_core.freeze_support()

    @needs_executable_scripts
    @EXECUTING
    def test_children_of_a_frozen_program(self, method: str, tmp_path: Path) -> None:
        program = tmp_path / "program"
        program.write_text(FROZEN.format(python=sys.executable, method=method))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        scripts.run(f"import subprocess; subprocess.run([{str(program)!r}, 'argument'], check=True)")


FROZEN = """\
#!{python}
import subprocess
import sys
import textwrap
import processing_core

sys.frozen, sys.executable = True, __file__

def child(number):
    assert sys.argv[1:] == ["argument"], sys.argv
    sys.exit(number)

if __name__ == "__main__":
    processing_core.freeze_support()
    processing_core.set_start_method("{method}")
    process = processing_core.Process(target=child, args=(3,))
    process.start()
    process.join()
    assert process.exitcode == 3, process
"""


@needs_forkserver
@pytest.mark.parametrize("preloaded", [False, True], ids=["children run it", "preloaded"])
def test_the_main_module_is_run_once_if_it_is_preloaded(tmp_path: Path, preloaded: bool) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
            import os, sys, processing_core

            with open("ran", "a") as file:
                print(__name__, os.getpid(), sys.argv[1:], file=file)

            def target():
                print(sys.modules["__mp_main__"].target is target)

            if __name__ == "__main__":
                context = processing_core.get_context("forkserver")
                if sys.argv[1:] == ["preloaded"]:
                    context.set_forkserver_preload(["__main__"])
                print("first")
                for _ in range(3):
                    process = context.Process(target=target)
                    process.start()
                    process.join()
        """)
    )
    command = [sys.executable, "-W", "error", str(program), *["preloaded"][:preloaded]]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert (result.stdout, result.stderr) == ("first\nTrue\nTrue\nTrue\n", "")
    runs = [line for line in (tmp_path / "ran").read_text().splitlines() if line.startswith("__mp_main__")]
    assert all(line.endswith(str(["preloaded"][:preloaded])) for line in runs)
    assert len(runs) == 1 if preloaded else len(runs) >= 3


@needs_forkserver
def test_a_module_that_is_preloaded_after_the_main_module_can_start_no_process(tmp_path: Path) -> None:
    (tmp_path / "starter.py").write_text(
        "import processing_core\nprocessing_core.get_context('spawn').Process(target=int).start()\n"
    )
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
            import processing_core

            if __name__ == "__main__":
                context = processing_core.get_context("forkserver")
                context.set_forkserver_preload(["__main__", "starter"], on_error="warn")
                process = context.Process(target=int)
                process.start()
                process.join()
                assert process.exitcode == 0
        """)
    )
    result = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "cannot import 'starter': RuntimeError: A process was started" in result.stderr
