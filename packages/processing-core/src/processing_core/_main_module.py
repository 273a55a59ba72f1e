"""The program's main module: how a child is told which it is, and loads it.

A child started by ``spawn`` or ``forkserver`` runs the file or module that the program was started
from once more, under the name ``__mp_main__``, so that a main guard keeps it from starting over.
There ``sys.modules`` has it under ``__main__``, too, which the pickles of the parent name.

A forkserver does not run it, so that each child has its own objects of the main module, such as locks, threads and
random generators.  The server compiles it, and imports what it imports.
"""

from __future__ import annotations

import io
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

from processing_core.annotations import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

__all__ = [
    "CHILD_NAME",
    "START_DIRECTORY",
    "Source",
    "code_of_file",
    "code_of_module",
    "importable",
    "importing",
    "load",
    "loading",
    "name_for_children",
    "prepare",
    "run_ahead",
    "source",
]

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


class _Program(NamedTuple):
    """A main module that has been read, not run."""

    source: Source
    spec: ModuleSpec | None
    code: types.CodeType


class _State:
    def __init__(self) -> None:
        self.prepared: _Program | None = None
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
    # The launcher of old versions of IPython has no guard; multiprocessing leaves out what is called so, too.
    if os.path.splitext(os.path.basename(path))[0] == "ipython":
        return None
    path = os.path.normpath(os.path.join(START_DIRECTORY, path))
    # Such a name leads to another file in each process.
    if path.startswith(("/dev/fd/", "/dev/stdin", "/proc/")):
        return None
    return Source(None, path) if os.path.isfile(path) else None


def name_for_children() -> None:
    """Let this process find under `CHILD_NAME` what its children pickle by that name: its main module.

    Call it before each start, because a program may have got another main module since.
    """
    sys.modules[CHILD_NAME] = sys.modules["__main__"]


def importable() -> bool:
    """Whether a reference into ``__main__`` means something to another member."""
    if _state.importable is None:
        _state.importable = source() is not None
    return _state.importable


def unseen() -> bool:
    """Whether the main module has changed since `importable` looked at it."""
    return _state.importable is None


def loading() -> bool:
    """Whether this process is running the main module for a child, or importing for one, at this moment."""
    return _state.loading


@contextmanager
def importing() -> Iterator[None]:
    """In a forkserver: import for children, in the body.  A module that starts a process then has no guard, either."""
    _state.loading = True
    try:
        yield
    finally:
        _state.loading = False


def load(main: Source | None) -> None:
    """Run the main module as ``__mp_main__``, unless this process has it already.

    :raises BaseException: whatever the module raises, and the same on the next call: so a spare ignores it, and the
        process that the spare becomes reports it.
    """
    if main is None:
        return
    if main != _state.loaded:
        _load_once(main)
    if _state.failure is not None:
        raise _state.failure


def run_ahead(main: Source | None) -> None:
    """Run the main module before it is needed, unless it was run; if it raises, a later `load` raises that."""
    if main is not None and main != _state.loaded:
        _load_once(main)


def prepare(main: Source | None, *, imports: bool) -> None:
    """In a forkserver: read the main module, so that the children need not.

    It raises nothing: the children get the same error, and report it.

    :param imports: whether to import the modules that it imports, too.
    """
    if main is None:
        return
    try:
        _state.prepared = _read(main)
        if imports:
            from processing_core import _main_imports  # here, for only a forkserver needs it

            with importing():
                _main_imports.import_all(_state.prepared.spec, str(_state.prepared.code.co_filename))
    except BaseException:
        pass


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
    program = _state.prepared
    if program is None or program.source != main:
        program = _read(main)
    module = _module(program)
    module.__name__ = CHILD_NAME
    sys.modules["__main__"] = sys.modules[CHILD_NAME] = module
    exec(program.code, module.__dict__)


def _module(program: _Program) -> types.ModuleType:
    if program.spec is not None:
        from importlib.util import module_from_spec  # here, for its import takes 1 ms

        return module_from_spec(program.spec)
    module = types.ModuleType(CHILD_NAME)
    module.__file__ = program.source.path
    module.__dict__["__cached__"] = None
    if sys.version_info >= (3, 15):
        _announce_lines(program.code.co_filename)
    return module


def _announce_lines(path: str) -> None:
    """Keep `linecache` from looking for the loader of the main module, which has none as when it is run.

    From Python 3.15 on it warns of a missing one for every traceback, but not of ``__main__``; nor of what is in its
    cache.  The entry says that there are no lines but those in the file.
    """
    import linecache  # which the interpreter has at its start

    linecache.cache.setdefault(path, (_no_lines,))


def _no_lines() -> None:
    """What `linecache` calls for the lines of a file that is gone.

    :raises OSError: always, so that it looks elsewhere.
    """
    raise OSError("the main module has no loader")


def _read(main: Source) -> _Program:
    if main.name:
        return _Program(main, *code_of_module(main.name))
    return _Program(main, None, code_of_file(str(main.path)))


def code_of_module(name: str) -> tuple[ModuleSpec, types.CodeType]:
    """The specification and the code of a module, which is not run.

    :raises ImportError: if there is none, or if it has no code.
    """
    from importlib.util import find_spec

    spec = find_spec(name)
    # Not by isinstance: importing `importlib.abc` takes 18 ms on 3.13, as long as the rest of core.
    get_code = getattr(spec.loader if spec is not None else None, "get_code", None)
    if spec is None or get_code is None:
        raise ImportError(f"the main module {name!r} cannot be found", name=name)
    code = get_code(name)
    if code is None:
        raise ImportError(f"the main module {name!r} has no code to run", name=name)
    return spec, code


_MAGIC_END = b"\r\n"  # of the four bytes that a compiled module begins with, before a zero in most cases


def code_of_file(path: str) -> types.CodeType:
    """The code in a file: a source, or one that `py_compile` has written.

    :raises OSError: if it cannot be read.
    :raises SyntaxError: if it is not Python.
    :raises ImportError: if another version of Python has compiled it.
    """
    with io.open_code(path) as file:
        content = file.read()
    if content[2:4] == _MAGIC_END and b"\0" in content[:16]:
        return _compiled(path, content)
    code: types.CodeType = compile(content, path, "exec", dont_inherit=True)
    return code


def _compiled(path: str, content: bytes) -> types.CodeType:
    """The code in a file as `py_compile` writes it."""
    import marshal
    from importlib.util import MAGIC_NUMBER

    if not content.startswith(MAGIC_NUMBER):
        raise ImportError(f"the main module {path!r} was compiled by another version of Python", path=path)
    code: types.CodeType = marshal.loads(memoryview(content)[16:])
    return code
