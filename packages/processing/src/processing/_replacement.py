"""Gives the modules of this package under the names of the standard library's.

A finder on ``sys.meta_path`` answers for ``multiprocessing``, its submodules, and the module of the process pool of
`concurrent.futures`; the modules of these names that were loaded before are put aside.  Children that are no copies of
this process do the same before they load the main module.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from processing.contrib._adapt import ADAPTED
from processing_core.annotations import Any
from processing_core.lowlevel import set_child_setup, set_usual_start_method

__all__ = ["follow", "replace"]

STANDARD = "multiprocessing"
EXECUTOR = "concurrent.futures.process"

_FUTURES = "concurrent.futures"
_EXECUTOR_NAMES = ("process", "ProcessPoolExecutor")  # of the package `concurrent.futures`, once they were used


def replace(start_method: str | None) -> Callable[[], None]:
    """See `processing.replace_multiprocessing`."""
    method = start_method or standard_start_method()
    if not _state.users:
        _follow(method)
    elif start_method is not None:
        set_usual_start_method(start_method)
        set_child_setup(__name__, "follow", start_method)
    user = object()
    _state.users.append(user)

    def undo() -> None:
        if user in _state.users:
            _state.users.remove(user)
            if not _state.users:
                _follow(None)

    return undo


def follow(method: str | None) -> None:
    """In a child: replace as the parent has, or undo that as the parent has.

    :param method: the start method that is used until one is set; ``None`` to undo.
    """
    if method is None:
        _state.users.clear()
        _restore()
    else:
        _state.users = _state.users or [object()]
        _install()
    set_usual_start_method(method)


def standard_start_method() -> str:
    """The start method that ``multiprocessing`` uses on this interpreter and platform if none is set."""
    if sys.platform in ("win32", "darwin"):
        return "spawn"
    return "forkserver" if sys.version_info >= (3, 14) else "fork"


class _State:
    def __init__(self) -> None:
        self.users: list[object] = []  # one for each call of `replace` that was not undone
        self.modules: dict[str, ModuleType] | None = None  # those that were put aside; None while nothing is replaced
        self.executor: dict[str, object] = {}  # the attributes of `concurrent.futures` that were put aside
        self.undo: list[Callable[[], None]] = []  # what undoes the changes of other libraries


_state = _State()


def _follow(method: str | None) -> None:
    set_usual_start_method(method)
    set_child_setup(__name__, "follow", method)
    if method is None:
        _restore()
    else:
        _install()


def _install() -> None:
    if _state.modules is not None:
        return
    _state.modules = {name: sys.modules.pop(name) for name in list(sys.modules) if is_replaced(name)}
    sys.meta_path.insert(0, _finder)
    futures = vars(sys.modules[_FUTURES]) if _FUTURES in sys.modules else {}
    _state.executor = {name: futures[name] for name in _EXECUTOR_NAMES if name in futures}
    try:
        for name in _state.modules:
            import_module(name)
        if _state.executor:
            futures["ProcessPoolExecutor"] = import_module(EXECUTOR).ProcessPoolExecutor
        for name in ADAPTED:
            if name in sys.modules:
                _adapt(sys.modules[name])
    except BaseException:
        _restore()
        raise


def _restore() -> None:
    if _state.modules is None:
        return
    sys.meta_path.remove(_finder)
    while _state.undo:
        _state.undo.pop()()
    for name in [name for name in sys.modules if is_replaced(name)]:
        del sys.modules[name]
    sys.modules.update(_state.modules)
    if _FUTURES in sys.modules:
        futures = vars(sys.modules[_FUTURES])
        for name in _EXECUTOR_NAMES:
            futures.pop(name, None)
        futures.update(_state.executor)
    _state.modules, _state.executor = None, {}


def is_replaced(name: str) -> bool:
    """Whether the module of a full name is one that is replaced."""
    return name == EXECUTOR or name.partition(".")[0] == STANDARD


def _executor() -> Any:
    from processing import _standard_executor  # here, for it imports the pool

    return _standard_executor


def _adapt(module: ModuleType) -> None:
    _state.undo.append(ADAPTED[module.__name__](module))


class _Loader:
    """Gives a module of this package for another name."""

    def __init__(self) -> None:
        self._specs: dict[ModuleType, ModuleSpec | None] = {}

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        if spec.name == EXECUTOR:
            module: ModuleType = _executor()
        else:
            name = __name__.rpartition(".")[0] + spec.name[len(STANDARD) :]
            try:
                module = import_module(name)
            except ModuleNotFoundError as error:
                if error.name != name:
                    raise
                raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name) from None
        self._specs[module] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Set the module's own specification again, which the import system has replaced."""
        module.__spec__ = self._specs.pop(module)


class _Finder:
    """Finds the modules that are replaced."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if is_replaced(fullname):
            return ModuleSpec(fullname, _Loader())  # type: ignore[arg-type]
        return _adapting(PathFinder.find_spec(fullname, path, target)) if fullname in ADAPTED else None


def _adapting(spec: ModuleSpec | None) -> ModuleSpec | None:
    """Let a library be adapted as soon as its module has been run."""
    loader: Any = spec and spec.loader
    if loader is not None:
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            _adapt(module)

        loader.exec_module = exec_module  # the loader is this module's alone
    return spec


_finder: Any = _Finder()
