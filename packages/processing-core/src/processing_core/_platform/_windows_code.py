"""Windows: the code of modules, in memory, from which the fresh interpreters that this process starts import.

There to find, open and read a file takes so long that an interpreter spends more than half of its start so.  So this
process reads the code of the modules once, and each child finds it in a section with a name that cannot be guessed; by
its digest it knows that it is what its parent has put there.  What a child imports so is what it would find in the
files: its interpreter is the same, and it has the same options.  Only its start imports so, and what comes later, the
program's modules for instance, comes from files.
"""

from __future__ import annotations

import marshal
import mmap
import os
import sys
from _frozen_importlib_external import SourceFileLoader
from collections.abc import Iterator

from processing_core.annotations import Any

assert sys.platform == "win32"  # for type checkers

__all__ = ["Code"]

_LIBRARY = "processing_core"
_STANDARD = (
    "__future__",
    "collections",
    "contextlib",
    "contextvars",
    "copyreg",
    "functools",
    "importlib",
    "keyword",
    "linecache",
    "operator",
    "reprlib",
    "struct",
    "threading",
    "types",
    "warnings",
    "weakref",
    "_compat_pickle",
    "_weakrefset",
)
"""What a child imports of the standard library.  One that is missing here, or in this process, comes from its file."""

_FINDS = """\
def carried():
    import sys
    if sys.hexversion != {version}:
        return
    import marshal, mmap
    from _blake2 import blake2b
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import SourceFileLoader
    memory = mmap.mmap(-1, {size}, {name!r}, mmap.ACCESS_READ)
    if blake2b(memory).hexdigest() != {digest!r}:
        return  # the parent has ended, and so this is other memory
    modules = marshal.loads(memory)

    class Loader(SourceFileLoader):
        def get_code(self, name):
            code = modules.get(name)
            return super().get_code(name) if code is None else marshal.loads(code[-1])

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name not in modules:
                return None
            file, cached, folders, _ = modules[name]
            spec = ModuleSpec(name, Loader(name, file), origin=file, is_package=folders is not None)
            spec.submodule_search_locations = folders
            spec.has_location, spec.cached = True, cached
            return spec

    def done():
        sys.meta_path.remove(Finder)
        for name in modules:
            if (module := sys.modules.get(name)) is not None and type(module.__loader__) is Loader:
                module.__loader__ = module.__spec__.loader = SourceFileLoader(name, module.__file__)
        modules.clear()

    sys.meta_path.insert(0, Finder)
    return done

carried = carried()
"""
_DONE = """\
carried and carried()
del carried
"""


class Code:
    """The code, as long as this object is kept."""

    def __init__(self) -> None:
        from _blake2 import blake2b  # here, for few processes make it

        modules = {name: found for name, spec in _chosen() if (found := _described(spec)) is not None}
        packed = marshal.dumps(modules)
        name = f"Local\\processing-code-{os.urandom(16).hex()}"
        self._section = mmap.mmap(-1, len(packed), name)
        self._section[:] = packed
        given = {"version": sys.hexversion, "size": len(packed), "digest": blake2b(packed).hexdigest()}
        self.before: str = _FINDS.format(name=name, **given)
        """What a child runs before its first import of this library."""
        self.behind: str = _DONE
        """What it runs behind that."""


def _chosen() -> Iterator[tuple[str, Any]]:
    """Modules of this process, by their specifications."""
    standard = os.path.dirname(os.__file__) + os.sep
    for name, module in list(sys.modules.items()):
        ours, spec = name.partition(".")[0] == _LIBRARY, getattr(module, "__spec__", None)
        if not ours and name not in _STANDARD:
            continue
        if spec is None or spec.name != name or type(spec.loader) is not SourceFileLoader:
            continue
        if ours or str(spec.origin).startswith(standard):  # a program may have found a file of its own by that name
            yield name, spec


def _described(spec: Any) -> tuple[Any, ...] | None:
    """Where a module comes from, and its code; ``None`` if that is there no more."""
    try:
        code = marshal.dumps(spec.loader.get_code(spec.name))
    except (OSError, ImportError, SyntaxError):
        return None
    # As its file would have it: a package may have added folders to its own.
    folders = None if spec.submodule_search_locations is None else [os.path.dirname(spec.origin)]
    return spec.origin, spec.cached, folders, code
