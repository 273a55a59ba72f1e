"""The build of the kernel: what it says where it cannot be built, and what its wheels contain."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
CORE = ROOT / "packages/processing-core"
BUILD = "import hatchling.build as b, sys; b.build_wheel(sys.argv[1])"


@pytest.mark.skipif(not all(map(importlib.util.find_spec, ("hatchling", "setuptools"))), reason="nothing builds here")
def test_without_a_compiler_the_error_names_the_remedy(tmp_path: Path) -> None:
    environment = {**os.environ, "CC": "no-such-compiler", "PROCESSING_CFLAGS": "-DNEVER_BUILT"}
    command = [sys.executable, "-c", BUILD, str(tmp_path)]
    run = subprocess.run(command, cwd=CORE, env=environment, capture_output=True, text=True, timeout=60)
    said = run.stdout + run.stderr
    assert run.returncode != 0
    assert "needs a C compiler" in said and "'no-such-compiler' was not found" in said
    assert "apt-get install gcc" in said and "--only-binary" in said
    assert "Traceback" not in said
    assert list(tmp_path.glob("*.whl")) == []


@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="nothing builds here")
def test_the_error_names_all_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("hatch_build_of_core", CORE / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(hook.KernelBuildError, match=r"(?s)apt-get install gcc.*apt-get install python3-dev"):
        hook.require_toolchain(SimpleNamespace(compiler=["no-such-compiler"]))


class TestInspection:
    """``testing/wheel_inspection.py`` finds each fault of an extension."""

    @pytest.fixture(name="inspection")
    def load(self) -> Iterator[ModuleType]:
        spec = importlib.util.spec_from_file_location("wheel_inspection", ROOT / "testing" / "wheel_inspection.py")
        assert spec is not None and spec.loader is not None
        module = sys.modules["wheel_inspection"] = importlib.util.module_from_spec(spec)  # dataclasses look there
        spec.loader.exec_module(module)
        yield module
        del sys.modules["wheel_inspection"]

    @pytest.mark.parametrize(
        ("differs", "fault"),
        [
            ({"processor": "aarch64"}, "is ELF for aarch64"),
            ({"libraries": {"libc.so.6", "libssl.so.3"}}, "linked with libssl.so.3"),
            ({"versions": {(2, 2, 5), (2, 34)}}, "needs 2.34, not 2.17"),
            ({"exported": {"PyInit__kernel", "arena"}}, "exports PyInit__kernel, arena"),
            ({"debugging": True}, "not stripped"),
            ({"path": "/opt/lib"}, "searches /opt/lib"),
        ],
    )
    def test_a_fault(self, inspection: ModuleType, differs: dict[str, Any], fault: str) -> None:
        sound: dict[str, Any] = {"libraries": {"libc.so.6"}, "versions": {(2, 14)}, "exported": {"PyInit__kernel"}}
        expected = inspection.Expected("ELF", "x86_64", frozenset({"libc.so.6"}), (2, 17))
        found = inspection.Found("ELF", **{"processor": "x86_64", **sound})
        assert list(inspection.differences(found, expected)) == []
        found = inspection.Found("ELF", **{"processor": "x86_64", **sound, **differs})
        (said,) = inspection.differences(found, expected)
        assert fault in said
