"""The state of the parent that a child which is no copy of it takes over before it can unpickle."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from processing_core import _logging, _main_module, _pickling
from processing_core._current import current_process
from processing_core._fds.inherited import InheritedFds
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._process_state import Parent
from processing_core._start import _default, _environment, _settings
from processing_core._start._parent import parent
from processing_core._start._tool_data import packed_tool_data, unpack_tool_data
from processing_core.annotations import TYPE_CHECKING, Any, signal

__all__ = [
    "Preparation",
    "apply",
    "apply_surroundings",
    "changes",
    "packed",
    "prepare",
    "prepare_served",
    "read_main",
    "run_main_ahead",
    "run_main_once",
]


if TYPE_CHECKING:
    from processing_core.annotations import TypedDict

    class Preparation(TypedDict, total=False):
        """The state of the parent that a child takes over, in this order.

        It is a plain dictionary, because the kernel encodes that without pickle.  `_spawn.run_parcel` reads ``parent``
        and ``reports_start_failure`` itself.
        """

        signal_mask: int
        child_signal_ignored: bool  # whether SIGCHLD is ignored; an executed program inherits other ignored signals
        name: str
        reports_start_failure: bool  # whether the child prints an error that it gets before it runs
        authkey: bytes
        parent: Parent
        start_method: str | None
        sys_path: list[str]
        argv: list[str]
        directory: str | None  # None: it was removed
        limits: bytes | None  # None: they are inherited
        umask: int | None  # likewise
        environment: bytes | None  # likewise
        variables: dict[str, str] | None  # of the environment, for this child alone
        child_setup: tuple[str, str, object] | None  # see `_settings.set_child_setup`
        tool_data: bytes | None  # see `_tool_data`
        main: tuple[str | None, str | None] | None  # a `Source`, plain for the same reason
        logging: bytes | None  # packed by itself, because a handler's class may be defined in the main module
else:
    Preparation = dict


_CHILD_SIGNAL: signal.Signals | None = getattr(signal, "SIGCHLD", None)  # where children leave zombies


def prepare(process: BaseProcess) -> Preparation:
    """The state that ``process`` needs, except what an executed program inherits."""
    _main_module.name_for_children()
    source = _main_module.source()
    return {
        "signal_mask": _kernel.signal_mask(),
        "child_signal_ignored": _CHILD_SIGNAL is not None and signal.getsignal(_CHILD_SIGNAL) is signal.SIG_IGN,
        "name": process.name,
        "reports_start_failure": process._reports_start_failure,
        "authkey": bytes(process.authkey),
        "parent": parent(),
        "start_method": _default.get(),
        "sys_path": _absolute_path(),
        "argv": list(sys.argv),
        "directory": _directory(),
        "limits": None,
        "umask": None,
        "environment": None,
        "variables": process._variables,
        "child_setup": _settings.child_setup(),
        "tool_data": packed_tool_data(process.name),
        "main": None if source is None else (source.name, source.path),
        "logging": _logging_setup(),
    }


def prepare_served(process: BaseProcess, umask: int | None) -> Preparation:
    """The whole state that ``process`` needs."""
    return {
        **prepare(process),
        "limits": _kernel.limits(),
        "umask": umask,
        "environment": _environment.snapshot(),
    }


def changes(prepared: Preparation, before: Preparation) -> Preparation:
    """The entries that differ between two preparations, and those that every child needs."""
    return {key: value for key, value in prepared.items() if key in _ALWAYS or before.get(key) != value}  # type: ignore[return-value]


@contextmanager
def packed(process: BaseProcess, prepared: Preparation) -> Iterator[tuple[_kernel.Parcel, int, list[int]]]:
    """The startup data of a child that has to unpickle ``process``, and its end of the socket with its descriptors.

    The latter is -1 if there are none, or the child inherits them by number, which are the last item.  The descriptors
    are kept open until the end of the body.

    There are two parcels, the second inside the first: unpickling the second may need the main module and ``sys.path``,
    which the first contains.
    """
    inherited = InheritedFds()
    try:
        with inherited.packing():
            parcel = _kernel.pack(_with_tracker(process))
        yield _kernel.pack((prepared, parcel)), inherited.child_end(), inherited.by_number()
    finally:
        inherited.close()


def _with_tracker(process: BaseProcess) -> object:
    tracking = sys.modules.get("processing_core.resource_tracker")  # few programs use it
    return process if tracking is None else tracking.accompanied(process)


def apply(prepared: Preparation) -> None:
    """In the child: take over the parent's state, and run its main module.

    :param prepared: the whole state, or the entries that differ from those of the forkserver.
    :raises BaseException: whatever the main module raises, or raised when the spare ran it.
    """
    for key, value in prepared.items():
        take_over = _TAKE_OVER.get(key)
        if take_over is not None:
            take_over(value)


def apply_surroundings(prepared: Preparation) -> None:
    """In the forkserver: take over the parent's state, except what needs the main module, or is a child's alone."""
    apply({key: value for key, value in prepared.items() if key not in _CHILDS_OWN})  # type: ignore[arg-type]


def read_main(prepared: Preparation, *, imports: bool) -> None:
    """In the forkserver: read the main module, and if requested, import the modules that it imports."""
    _main_module.prepare(_source(prepared["main"]), imports=imports)


def run_main_once(prepared: Preparation) -> None:
    """In the forkserver: run the main module, so that the children have what it makes in common.  It raises nothing."""
    _main_module.run_ahead(_source(prepared["main"]))


def run_main_ahead(prepared: Preparation) -> None:
    """In a spare: run the main module, and then set again what it may have changed.

    It raises nothing; a later `apply` raises the main module's error.
    """
    if prepared["main"] is not None:
        _main_module.run_ahead(_source(prepared["main"]))
        apply_surroundings(prepared)


def _ignore_child_signal(ignored: bool) -> None:
    if ignored and _CHILD_SIGNAL is not None and signal.getsignal(_CHILD_SIGNAL) is signal.SIG_DFL:
        signal.signal(_CHILD_SIGNAL, signal.SIG_IGN)  # unless the main module has set a handler


# A spare sets again what its main module may have changed: what is the same is not written, because that copies pages.


def _set_name(name: str) -> None:
    if current_process().name != name:
        current_process().name = name


def _set_authkey(authkey: bytes) -> None:
    if current_process().authkey != authkey:
        current_process().authkey = authkey


def _set_path(path: list[str]) -> None:
    if sys.path != path:
        sys.path[:] = path


def _set_argv(argv: list[str]) -> None:
    if sys.argv != argv:
        sys.argv[:] = argv


def _set_directory(directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


def _set_limits(limits: bytes | None) -> None:
    if limits is not None:
        _kernel.set_limits(limits)


def _set_umask(umask: int | None) -> None:
    if umask is not None:
        os.umask(umask)


def _set_environment(snapshot: bytes | None) -> None:
    if snapshot is not None:
        _environment.restore(snapshot)


def _set_variables(variables: dict[str, str] | None) -> None:
    if variables is not None:
        os.environ.update(variables)


def _call_child_setup(setup: tuple[str, str, object] | None) -> None:
    if setup is not None:
        _settings.set_child_setup(*setup)
        module, function, argument = setup
        getattr(importlib.import_module(module), function)(argument)


def _load_main(source: tuple[str | None, str | None] | None) -> None:
    _main_module.load(_source(source))


def _source(source: tuple[str | None, str | None] | None) -> _main_module.Source | None:
    return None if source is None else _main_module.Source(*source)


def _repeat_logging(made: bytes | None) -> None:
    if made is not None:
        _logging.repeat(_pickling.loads(made))


_ALWAYS = frozenset(["signal_mask", "name", "tool_data", "main"])  # the entries that every child of a forkserver gets
_CHILDS_OWN = frozenset(["tool_data", "main", "logging"])  # what a forkserver does not take over for itself

_TAKE_OVER: dict[str, Callable[[Any], object]] = {
    "signal_mask": _kernel.set_signal_mask,  # as after a fork; a pool starts its workers with SIGINT blocked
    "child_signal_ignored": _ignore_child_signal,
    "name": _set_name,
    "authkey": _set_authkey,
    "start_method": _default.force,
    "sys_path": _set_path,
    "argv": _set_argv,
    "directory": _set_directory,
    "limits": _set_limits,
    "umask": _set_umask,
    "environment": _set_environment,
    "variables": _set_variables,
    "child_setup": _call_child_setup,
    "tool_data": unpack_tool_data,
    "main": _load_main,
    "logging": _repeat_logging,
}


def _absolute_path() -> list[str]:
    """``sys.path``, with the directory in which the program was started instead of the empty entry."""
    return [entry or _main_module.START_DIRECTORY for entry in sys.path]


def _logging_setup() -> bytes | None:
    made = _logging.setup()
    return None if made is None else _pickling.dumps(made)


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # it was removed
