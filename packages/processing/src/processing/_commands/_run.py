"""``python -m processing run``: runs a program that uses multiprocessing on this package, without an edit."""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType

import processing
from processing_core.annotations import TYPE_CHECKING, NamedTuple
from processing_core.lowlevel import code_of_file, code_of_module

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from importlib.machinery import ModuleSpec
    from types import CodeType

__all__ = ["main"]


class ProgramError(Exception):
    """The program cannot be run; the text says why."""


class Program(NamedTuple):
    """What is run as the main module."""

    code: CodeType
    spec: ModuleSpec | None
    file: str
    """``__file__``."""
    name: str
    """``sys.argv[0]``."""


class Options(NamedTuple):
    """What the command was given for itself."""

    start_method: str | None
    module: str | None
    program: str | None


def main(arguments: list[str]) -> int:
    """Replace ``multiprocessing``, and run the program as the interpreter would.

    :return: 0 at the end of the program, 1 if it raised an `Exception`, which is shown.
    """
    own, given = _split(arguments)
    options = _plain_options(own) or _parsed_options(own)
    processing.replace_multiprocessing(options.start_method)  # first, for finding a module imports its package
    try:
        if options.module is None:
            program = _by_path(options.program or "")
        else:
            program = _by_name(options.module)
    except ProgramError as error:
        _parser().error(str(error))
    sys.argv[:] = [program.name, *given]
    return _run(program)


def _plain_options(own: list[str]) -> Options | None:
    """The options as they are given most often; without `argparse`, whose import takes a fifth of the start's time."""
    method = None
    if own[:1] == ["--start-method"] and own[1:2] and own[1] in processing.get_all_start_methods():
        method, own = own[1], own[2:]
    if len(own) == 2 and own[0] == "-m":
        return Options(method, own[1], None)
    if len(own) == 1 and not own[0].startswith("-"):
        return Options(method, None, own[0])
    return None


def _parsed_options(own: list[str]) -> Options:
    parser = _parser()
    options = parser.parse_args(own)
    if options.module is None and options.program is None:
        parser.error("which program? Give its path or the name of a command, or -m and a module")
    return Options(options.start_method, options.module, options.program)


def _parser() -> ArgumentParser:
    from argparse import ArgumentParser

    parser = ArgumentParser(
        prog="python -m processing run",
        usage="%(prog)s [--start-method METHOD] (PROGRAM | -m MODULE) [ARGUMENT ...]",
        description="Run a program; multiprocessing and concurrent.futures.ProcessPoolExecutor are this package's.",
    )
    parser.add_argument(
        "--start-method",
        choices=processing.get_all_start_methods(),
        help="how processes are started until the program says otherwise; by default, as multiprocessing would",
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module, as `python -m` does")
    parser.add_argument("program", nargs="?", help="a script, a folder or archive, or the name of a command")
    return parser


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The arguments up to the program, and those that are the program's, whatever they begin with."""
    place = 0
    while place < len(arguments) and arguments[place].startswith("-") and arguments[place] != "-m":
        place += 2 if arguments[place] == "--start-method" else 1
    end = place + (2 if arguments[place : place + 1] == ["-m"] else 1)
    return arguments[:end], arguments[end:]


def _run(program: Program) -> int:
    module = ModuleType("__main__")
    module.__file__ = program.file
    module.__spec__ = program.spec
    module.__package__ = None if program.spec is None else program.spec.parent
    module.__loader__ = None if program.spec is None else program.spec.loader
    vars(module).update(__builtins__=sys.modules["builtins"], __cached__=None)
    sys.modules["__main__"] = module
    gc.freeze()  # what exists by now stays; else each collection of the program's would look at it
    try:
        exec(program.code, vars(module))
    except Exception as error:
        traceback = error.__traceback__ and error.__traceback__.tb_next  # without this function
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        return 1
    return 0


def _by_name(name: str) -> Program:
    from importlib.util import find_spec

    try:
        found = find_spec(name)
        is_package = found is not None and found.submodule_search_locations is not None
        spec, code = code_of_module(f"{name}.__main__" if is_package else name)
    except ImportError as error:
        if error.name is None or not f"{name}.__main__".startswith(error.name):
            raise  # its package lacks something
        raise ProgramError(f"the module {name!r} cannot be run: {error}") from None
    return Program(code, spec, str(spec.origin), str(spec.origin))


def _by_path(given: str) -> Program:
    path = given if os.path.exists(given) else _command(given)
    if os.path.isdir(path) or _is_archive(path):
        return _by_main_module(path)
    _refuse_other_scripts(path)
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    file = os.path.join(os.getcwd(), path)
    return Program(code_of_file(file), None, file, path)


def _command(name: str) -> str:
    import shutil

    path = None if os.path.dirname(name) else shutil.which(name)
    if path is None:
        raise ProgramError(f"there is no file {name!r}, and no command of that name")
    return path


_ARCHIVE_END = b"PK\5\6"
_LONGEST_END = (1 << 16) + 22
"""Bytes of the record at the end of an archive, with its comment."""


def _is_archive(path: str) -> bool:
    with open(path, "rb") as file:
        file.seek(max(0, os.stat(path).st_size - _LONGEST_END))
        if _ARCHIVE_END not in file.read():
            return False
    import zipfile  # here, for its import takes as long as the rest of this module

    return zipfile.is_zipfile(path)


def _by_main_module(path: str) -> Program:
    """The program in the module ``__main__`` of a folder or archive."""
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("__main__", [path])
    get_code = getattr(spec and spec.loader, "get_code", None)
    if spec is None or get_code is None:
        raise ProgramError(f"{path!r} has no module __main__")
    if sys.flags.safe_path:
        sys.path.insert(0, path)
    else:
        sys.path[0] = path
    return Program(get_code("__main__"), spec, str(spec.origin), path)


def _refuse_other_scripts(path: str) -> None:
    """Refuse what a shell, or the system itself, runs.

    :raises ProgramError: if it is none of Python's.
    """
    with open(path, "rb") as file:
        first, second = file.readline(1000), file.readline(1000)
    if first.startswith(b"\x7fELF") or (
        first.startswith(b"#!") and b"python" not in first and not second.startswith(b"'''exec'")
    ):
        raise ProgramError(f"{path!r} is no program in Python: give the path of one, or -m and a module")
