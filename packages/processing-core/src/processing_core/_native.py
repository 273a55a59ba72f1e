"""The door to the native kernel: imports it, or says what to do; gives it its errors."""

from __future__ import annotations

from processing_core import _errors

try:
    import processing_core._kernel as _kernel
except ImportError as error:
    if "sub-interpreter" in str(error):
        raise
    raise ImportError(
        f"processing_core cannot load its native kernel, processing_core._kernel ({error}). "
        "It is compiled when the package is installed: install a C compiler and the headers of "
        "this Python, then run `python -m pip install --force-reinstall processing-core`, or in "
        "a checkout `python -m pip install -e packages/processing-core`.",
        name="processing_core._kernel",
    ) from error

__all__ = ["_kernel"]

_kernel.set_errors({name: getattr(_errors, name) for name in _errors.__all__})
