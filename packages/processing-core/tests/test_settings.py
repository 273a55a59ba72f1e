"""What a program may choose about how its processes are started."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

import processing_core
from processing_testing import scripts

EXECUTING = pytest.mark.parametrize("method", ["spawn", "forkserver"])


class TestExecutable:
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

    def test_none_is_the_interpreter(self) -> None:
        processing_core.set_executable(None)


class TestForkserverPreload:
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

    @EXECUTING
    def test_children_of_a_frozen_program(self, method: str, tmp_path: Path) -> None:
        program = tmp_path / "program"
        program.write_text(FROZEN.format(python=sys.executable, method=method))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        scripts.run(f"import subprocess; subprocess.run([{str(program)!r}, 'argument'], check=True)")


FROZEN = """\
#!{python}
import sys
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
