"""Whether a process is being started, for objects that may travel to a child and nowhere else."""

from __future__ import annotations

import sys
import threading

from processing_core.annotations import Any

__all__ = ["assert_spawning", "get_spawning_popen", "set_spawning_popen"]


class _Declared(threading.local):
    popen: Any = None


_declared = _Declared()


def get_spawning_popen() -> Any:
    """What the process that this thread is starting is packed in; ``None`` if it starts none.

    Under ``fork`` nothing is packed.  Does not block.
    """
    inherited = sys.modules.get("processing_core._fds.inherited")  # imported by the first start that packs
    packed = None if inherited is None else inherited.being_packed()
    return _declared.popen if packed is None else packed


def set_spawning_popen(popen: object) -> None:
    """Say that this thread starts a process by other means than this package's; ``None`` when that is done."""
    _declared.popen = popen


def assert_spawning(obj: object) -> None:
    """Raise an error unless this thread is starting a process, for ``__getstate__`` and ``__reduce__``.

    Does not block.

    :param obj: what may be pickled for a child only.
    :raises RuntimeError: if no process is being started.
    """
    if get_spawning_popen() is None:
        raise RuntimeError(f"{type(obj).__name__} objects should only be shared between processes through inheritance")
