"""The names of ``multiprocessing.spawn``: the data that a child which is no copy of its parent needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from processing_core import _current, _main_module
from processing_core._start import _default, _frozen, _settings
from processing_core._start._frozen import freeze_support as freeze_support
from processing_core._start._settings import set_executable as set_executable
from processing_core.annotations import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "freeze_support",
    "set_executable",
    "get_executable",
    "is_forking",
    "get_preparation_data",
    "prepare",
    "import_main_path",
    "old_main_modules",
    "WINEXE",
    "WINSERVICE",
]

WINEXE: bool = sys.platform == "win32" and _frozen.frozen()
"""Whether this is a frozen program of Windows."""

WINSERVICE: bool = (sys.executable or "").lower().endswith("pythonservice.exe")
"""Whether this is a service of Windows."""

old_main_modules: list[ModuleType] = []
"""The main modules that this process had before `import_main_path` or `prepare` loaded another."""


def get_executable() -> str:
    """The interpreter that children are started with.  Does not block."""
    return _settings.executable()


def is_forking(argv: Sequence[str]) -> bool:
    """Whether a program's arguments are those of a child that a frozen program started.  Does not block."""
    return _frozen.is_child(argv)


def get_preparation_data(name: str) -> dict[str, Any]:
    """What a process must know to be a child of this one, for a library that starts processes by itself.

    The key by which the processes of a program know each other is in it: it is not to be shown.  Does not block.

    :param name: the child's name.
    :return: what `prepare` takes; it can be pickled.
    """
    process, main = _current.current_process(), _main_module.source()
    data: dict[str, Any] = {
        "name": name,
        "authkey": bytes(process.authkey),
        "sys_path": [entry or _main_module.START_DIRECTORY for entry in sys.path],
        "sys_argv": list(sys.argv),
        "orig_dir": _main_module.START_DIRECTORY,
        "dir": os.getcwd(),
        "start_method": _default.get(),
    }
    if main is not None:
        data["init_main_from_name" if main.name else "init_main_from_path"] = main.name or main.path
    return data


ORIGINAL = get_preparation_data
ENTRIES = {
    *("name", "authkey", "sys_path", "sys_argv", "orig_dir", "dir", "start_method"),
    *("init_main_from_name", "init_main_from_path"),
}
"""What it may return; a tool that replaces it adds others, which each child gets (`_start._tool_data`)."""


def prepare(data: Mapping[str, Any]) -> None:
    """In a process that a library started: apply the data of `get_preparation_data`, and load the main module.

    :param data: settings that it lacks are left as they are.
    :raises BaseException: whatever the main module raises.
    """
    process = _current.current_process()
    if "name" in data:
        process.name = data["name"]
    if "authkey" in data:
        process.authkey = data["authkey"]
    if "sys_path" in data:
        sys.path[:] = data["sys_path"]
    if "sys_argv" in data:
        sys.argv[:] = data["sys_argv"]
    if "dir" in data:
        os.chdir(data["dir"])
    if "start_method" in data:
        _default.force(data["start_method"])
    if "init_main_from_name" in data:
        _load(_main_module.Source(data["init_main_from_name"], None))
    elif "init_main_from_path" in data:
        _load(_main_module.Source(None, data["init_main_from_path"]))


def import_main_path(main_path: str) -> None:
    """Run a program's file as this process's main module, under the name ``__mp_main__``.

    :raises BaseException: whatever it raises.
    """
    _load(_main_module.Source(None, main_path))


def _load(main: _main_module.Source) -> None:
    before = sys.modules["__main__"]
    _main_module.load(main)
    if sys.modules["__main__"] is not before:
        old_main_modules.append(before)
