"""Windows: children import this library from their parent's memory."""

from __future__ import annotations

import sys

import pytest

from processing_testing.harness import scripts

if sys.platform != "win32":
    pytest.skip("only on Windows are files so slow that this gains something", allow_module_level=True)

PROGRAM = """
    import builtins, os, sys, time
    import processing_core
    from processing_core._start import _ahead, _exec

    context = processing_core.get_context("spawn")

    def ended(target):
        process = context.Process(target=target)
        process.start()
        process.join()
        assert process.exitcode == 0

    def note_opened():
        '''Have children note the files of this library that they open in their first import.'''
        before, behind = _exec._state.imports
        note = "opened.append(str(arguments[0])) if event == 'open' else None"
        hook = f"opened = []; __import__('sys').addaudithook(lambda event, arguments: {note})"
        kept = "import builtins; builtins.opened = [file for file in opened if 'processing_core' in file]"
        _exec.set_imports(f"{hook}\\n{before}", f"{behind}{kept}\\n")
        _ahead._end_all()
        _ahead.keep(0)
"""


def test_no_file_of_ours_is_opened() -> None:
    scripts.run(f"""{PROGRAM}
    def none():
        assert builtins.opened == []

    def some():
        assert builtins.opened

    if __name__ == "__main__":
        ended(os.getpid)
        imports = _exec._state.imports
        note_opened()
        ended(none)
        _exec.set_imports("", "")
        note_opened()
        ended(some)
    """)


def test_memory_that_is_other_is_not_used() -> None:
    scripts.run(f"""{PROGRAM}
    def some():
        assert builtins.opened

    if __name__ == "__main__":
        ended(os.getpid)
        note_opened()
        section = _ahead._state.code._section
        section[1000] ^= 1
        ended(some)
    """)


def test_modules_are_as_their_files_would_make_them() -> None:
    scripts.run(f"""{PROGRAM}
    import inspect
    from _frozen_importlib_external import SourceFileLoader

    def described(name):
        module, spec = sys.modules[name], sys.modules[name].__spec__
        assert type(spec.loader) is type(module.__loader__) is SourceFileLoader
        assert module.__loader__ is spec.loader and spec.loader.path == module.__file__
        return module.__file__, spec.cached, spec.parent, spec.has_location, getattr(module, "__path__", None)

    names = ["processing_core", "processing_core._process", "processing_core._fds", "functools", "collections"]

    def check(expected, finders):
        assert [described(name) for name in names] == expected
        assert "def start" in inspect.getsource(sys.modules["processing_core._process"].BaseProcess.start)
        assert [getattr(each, "__name__", each) for each in sys.meta_path] == finders

    if __name__ == "__main__":
        from functools import partial
        finders = [getattr(each, "__name__", each) for each in sys.meta_path]
        check = partial(check, [described(name) for name in names], finders)
        for _ in range(3):
            ended(check)
    """)


def test_it_is_for_this_interpreter_alone() -> None:
    scripts.run(f"""{PROGRAM}
    if __name__ == "__main__":
        ended(os.getpid)
        assert "carried" in _exec._command("module", (1,), "")[-1]
        processing_core.set_executable("another.exe")
        assert "carried" not in _exec._command("module", (1,), "")[-1]
    """)
