"""Compiles the kernel's sources once more, with crash points, for the tests alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path

CORE = Path(__file__).resolve().parent.parent / "packages" / "processing-core"

_spec = importlib.util.spec_from_file_location("processing_core_hatch_build", CORE / "hatch_build.py")
assert _spec is not None and _spec.loader is not None
_core = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_core)


class CrashKernelHook(_core.KernelHook):  # type: ignore[name-defined,misc]
    """Builds ``processing_testing._crash_kernel``."""

    module = "processing_testing._crash_kernel"
    macros = (("PROCESSING_CRASH_POINTS", "1"), ("KERNEL_MODULE_NAME", "_crash_kernel"))
    kernel = CORE / "kernel"
