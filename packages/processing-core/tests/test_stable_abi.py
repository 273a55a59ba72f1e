"""The functions of the interpreter that the kernel's file uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from processing_core import _kernel

KERNEL = Path(_kernel.__file__ or "")


@pytest.mark.skipif(".abi3." not in KERNEL.name, reason="not built for the stable ABI")
def test_formats_are_read_by_functions_that_know_sizes() -> None:
    content = KERNEL.read_bytes()
    for name in (b"Py_BuildValue", b"PyArg_ParseTuple"):
        assert b"\0_" + name + b"_SizeT\0" in content
        assert b"\0" + name + b"\0" not in content, "before 3.13 its formats must hold no `#`"
