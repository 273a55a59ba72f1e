"""The program's main module: telling a child what it is, and loading it there.

A child started by ``spawn`` or ``forkserver`` runs the file or module that the program was started
from once more, under the name ``__mp_main__``, so that a main guard keeps it from starting over.
There it stands in ``sys.modules`` under ``__main__`` too, where the pickles of the parent look.
"""

from __future__ import annotations

import io
import os
import sys
import types

from processing_core.annotations import NamedTuple

__all__ = ["CHILD_NAME", "START_DIRECTORY", "Source", "check", "importable", "load", "loading", "source"]

CHILD_NAME = "__mp_main__"


def _start_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"  # it was removed; nothing relative can be found any more


START_DIRECTORY = _start_directory()


class Source(NamedTuple):
    """Where the main module comes from: a module's name, or a file's absolute path."""

    name: str | None
    path: str | None


class _State:
    def __init__(self) -> None:
        self.loading: bool = False
        self.importable: bool | None = None  # None: not looked at since the main module changed
        self.loaded: Source | None = None
        self.failure: BaseException | None = None


_state = _State()


def source() -> Source | None:
    """Where a child can load the main module from; ``None`` if it cannot."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        # A package's or an archive's __main__ has no guard by custom: running it starts it over.
        if spec.name.rpartition(".")[2] == "__main__":
            return None
        return Source(spec.name, None)
    path = getattr(main, "__file__", None)
    if path is None or sys.flags.interactive:
        return None
    path = os.path.normpath(os.path.join(START_DIRECTORY, path))
    return Source(None, path) if os.path.isfile(path) else None


def importable() -> bool:
    """Whether a reference into ``__main__`` means something to another member."""
    if _state.importable is None:
        _state.importable = source() is not None
    return _state.importable


def loading() -> bool:
    """Whether this process is a child that is running the main module at this moment."""
    return _state.loading


def load(main: Source | None) -> None:
    """Run the main module as ``__mp_main__``, unless this process has it already.

    :raises BaseException: whatever the module raises; the same again on the next call, so that a
        forkserver which met it can leave it to its children to tell.
    """
    if main is None:
        return
    if main != _state.loaded:
        _load_once(main)
    check()


def check() -> None:
    """Raise what the main module raised when it was loaded here, if it did."""
    if _state.failure is not None:
        raise _state.failure


def _load_once(main: Source) -> None:
    before = sys.modules["__main__"]
    _state.loaded, _state.failure, _state.loading = main, None, True
    try:
        _run(main)
    except BaseException as error:
        sys.modules["__main__"] = before
        _state.failure = error
    finally:
        _state.loading, _state.importable = False, None


def _run(main: Source) -> None:
    module, code = _by_name(main.name) if main.name else _by_path(str(main.path))
    module.__name__ = CHILD_NAME
    sys.modules["__main__"] = sys.modules[CHILD_NAME] = module
    exec(code, module.__dict__)


def _by_name(name: str) -> tuple[types.ModuleType, types.CodeType]:
    from importlib.util import find_spec, module_from_spec  # here, for its import takes 1 ms

    spec = find_spec(name)
    # Not by isinstance: importing `importlib.abc` takes 18 ms on 3.13, as long as the rest of core.
    get_code = getattr(spec.loader if spec is not None else None, "get_code", None)
    if spec is None or get_code is None:
        raise ImportError(f"the main module {name!r} cannot be found in the child", name=name)
    code = get_code(name)
    if code is None:
        raise ImportError(f"the main module {name!r} has no code to run", name=name)
    return module_from_spec(spec), code


def _by_path(path: str) -> tuple[types.ModuleType, types.CodeType]:
    module = types.ModuleType(CHILD_NAME)
    module.__file__ = path
    module.__dict__["__cached__"] = None
    with io.open_code(path) as file:
        return module, compile(file.read(), path, "exec", dont_inherit=True)
