"""How objects become bytes for workers that share no memory, and perhaps no files, with this process.

Plain pickle first; cloudpickle where that refuses, or where it refers to ``__main__``, which is another module there.
Modules of the program itself, which are not installed, are sent as their sources.
"""

from __future__ import annotations

import _pickle as pickle
import io
import os
import sys
from collections.abc import Iterator
from hashlib import blake2b
from types import ModuleType

from processing_core import NotPicklableError
from processing_core.annotations import Any
from processing_core.lowlevel import ForkingPickler, path_to_culprit
from processing_pool._backends.remote import Part, Sources

__all__ = ["dumps", "own_modules", "part_of"]

_MAIN = (b"__main__", b"__mp_main__")
_OURS = {"processing", *(f"processing_{name}" for name in ("core", "sync", "queues", "managers", "pool"))}
_REFUSALS = (pickle.PicklingError, AttributeError, TypeError)


def dumps(obj: Any) -> bytes:
    """Pickle for another machine.  Does not block; calls the code of ``obj``.

    :raises NotPicklableError: if something in it cannot be pickled.
    :raises Exception: whatever else the pickling of ``obj`` raises.
    """
    try:
        data = bytes(ForkingPickler.dumps(obj, 5))
        if not any(name in data for name in _MAIN):
            return data
    except _REFUSALS:
        pass
    try:
        return _by_value(obj)
    except _REFUSALS as error:
        raise NotPicklableError(path_to_culprit(obj), str(error)) from error


def _by_value(obj: Any) -> bytes:
    import cloudpickle

    buffer = io.BytesIO()
    pickler = cloudpickle.Pickler(buffer, 5)
    pickle.Pickler.dump(pickler, obj)  # cloudpickle's method replaces a `RecursionError` by another error
    return buffer.getvalue()


def part_of(content: bytes) -> Part:
    """Content with its id; equal contents have the same."""
    return blake2b(content, digest_size=16).hexdigest(), content


def own_modules() -> Part | None:
    """The sources of the program's own modules that are loaded; ``None`` if there are none."""
    sources: Sources = {}
    for name, module in sorted(sys.modules.items()):
        path = _own_source(name, module)
        if path is not None:
            try:
                with open(path, "rb") as file:
                    sources[name] = file.read(), hasattr(module, "__path__"), path
            except OSError:
                continue  # it was deleted: workers say which module they lack, if they need it
    return part_of(pickle.dumps(sources, 5)) if sources else None


def _own_source(name: str, module: ModuleType) -> str | None:
    spec, path = getattr(module, "__spec__", None), getattr(module, "__file__", None)
    if spec is None or spec.name != name or not isinstance(path, str) or not path.endswith(".py"):
        return None  # the main module, aliases, built-in modules and extensions
    if name.partition(".")[0] in _OURS:
        return None  # workers have them
    path = os.path.abspath(path)
    return None if path.startswith(_installed()) else path


def _installed() -> tuple[str, ...]:
    global _folders
    if _folders is None:
        _folders = tuple({os.path.join(folder, "") for folder in _find_installed()})
    return _folders


_folders: tuple[str, ...] | None = None


def _find_installed() -> Iterator[str]:
    import site
    import sysconfig

    for key in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield os.path.abspath(sysconfig.get_path(key))
    for folder in [*site.getsitepackages(), site.getusersitepackages()]:
        yield os.path.abspath(folder)
