"""Starting a program on a POSIX system: by the kernel, without `subprocess`, whose import takes 12 ms."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Sequence

from processing_core._native import _kernel

__all__ = ["start_program"]


def start_program(command: Sequence[str], descriptors: Sequence[int], born: list[int]) -> None:
    """Start a program that inherits these descriptors and the standard streams, and no others.

    :param born: gets its pid, even if a signal handler raises; the caller waits for it.
    :raises OSError: if the system refuses.
    """
    if _is_followed():
        from processing_core import _own_child

        born.append(_own_child.run(command, pass_fds=descriptors))
    else:
        _kernel.execute([os.fsencode(part) for part in command], list(descriptors), born)


def _is_followed() -> bool:
    """Whether a debugger has replaced the function by which `subprocess` starts programs, to debug them too."""
    start = getattr(sys.modules.get("_posixsubprocess"), "fork_exec", None)
    return start is not None and not isinstance(start, types.BuiltinFunctionType)
