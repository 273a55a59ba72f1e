"""`replace_multiprocessing()`: this package under multiprocessing's names, and back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from processing_testing.harness.mechanisms import ONE_METHOD, START_METHODS

METHODS = START_METHODS


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def written(folder: Path, source: str) -> Path:
    path = folder / "program.py"
    path.write_text(source)
    return path


def output(folder: Path, source: str, *arguments: str) -> Any:
    result = run(written(folder, source), *arguments)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return json.loads(result.stdout)


CHILDREN = """
import json, sys
import processing
if __name__ == "__main__":
    undo = processing.replace_multiprocessing()
import multiprocessing
from multiprocessing import pool
from concurrent.futures import ProcessPoolExecutor

AT_IMPORT = [multiprocessing.__name__, pool.__name__, ProcessPoolExecutor.__module__]

def seen(depth):
    import concurrent.futures.process
    found = [AT_IMPORT, concurrent.futures.process.ProcessPoolExecutor.__module__]
    if depth:
        with multiprocessing.Pool(1) as workers:
            found.append(workers.apply(seen, (depth - 1,)))
    return found

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    with multiprocessing.get_context().Pool(1) as workers:
        found = [workers.apply(seen, (1,))]
    undo()
    with processing.Pool(1) as workers:
        found.append(workers.apply(seen, (0,)))
    import multiprocessing
    found.append(multiprocessing.__name__)
    print(json.dumps(found))
"""

OURS = ["processing", "processing.pool", "processing_pool"]
THEIRS = ["multiprocessing", "multiprocessing.pool", "concurrent.futures.process"]


@pytest.mark.parametrize("method", METHODS)
def test_children_replace_before_the_main_module_runs_and_undo_as_their_parent(tmp_path: Path, method: str) -> None:
    within, after, here = output(tmp_path, CHILDREN, method)
    assert within == [OURS, OURS[2], [OURS, OURS[2]]]
    assert after == [OURS if method == "fork" else THEIRS, THEIRS[2]]  # a copy has what its parent's body imported
    assert here == "multiprocessing"


LOADED_BEFORE = """
import json, sys
import concurrent.futures, multiprocessing.pool, multiprocessing.util
from concurrent.futures import ProcessPoolExecutor
import processing
before = {name: module for name, module in sys.modules.items() if name.startswith(("multiprocessing", "concurrent."))}
first, second = processing.replace_multiprocessing(), processing.replace_multiprocessing()
import multiprocessing.pool as pool, multiprocessing.util as util
assert (sys.modules["multiprocessing"], pool, util) == (processing, processing.pool, processing.util)
assert concurrent.futures.ProcessPoolExecutor is processing.ProcessPoolExecutor
assert concurrent.futures.process.ProcessPoolExecutor is processing.ProcessPoolExecutor
import multiprocessing.sharedctypes
assert processing.pool.__spec__.name == processing.pool.__name__ == "processing.pool"
first()
first()
assert sys.modules["multiprocessing"] is processing
second()
for name, module in before.items():
    assert sys.modules[name] is module, name
assert "multiprocessing.sharedctypes" not in sys.modules
assert concurrent.futures.ProcessPoolExecutor is ProcessPoolExecutor
assert concurrent.futures.process.ProcessPoolExecutor is ProcessPoolExecutor
assert not any("replacement" in type(finder).__module__ for finder in sys.meta_path)
print(json.dumps("restored"))
"""


def test_what_was_loaded_before_is_restored(tmp_path: Path) -> None:
    assert output(tmp_path, LOADED_BEFORE) == "restored"


LAZY = """
import json, sys
import concurrent.futures
import processing
undo = processing.replace_multiprocessing()
assert concurrent.futures.ProcessPoolExecutor is processing.ProcessPoolExecutor
undo()
assert concurrent.futures.ProcessPoolExecutor.__module__ == "concurrent.futures.process"
print(json.dumps("restored"))
"""


def test_an_executor_that_was_first_asked_for_while_replaced_is_restored(tmp_path: Path) -> None:
    assert output(tmp_path, LAZY) == "restored"


EVERY_MODULE = """
import importlib, json, os, pkgutil, sys
import processing
import multiprocessing
names = [name for _, name, _ in pkgutil.walk_packages(multiprocessing.__path__, "multiprocessing.")]
processing.replace_multiprocessing()
found = [importlib.import_module(name).__name__ for name in names if not name.endswith("popen_spawn_win32")]
try:
    importlib.import_module("multiprocessing.nothing")
except ModuleNotFoundError as error:
    found.append([str(error), error.name])
print(json.dumps(found))
"""


def test_every_module_is_replaced(tmp_path: Path) -> None:
    *found, missing = output(tmp_path, EVERY_MODULE)
    assert len(found) >= 18
    assert all(name.startswith("processing.") for name in found)
    assert missing == ["No module named 'multiprocessing.nothing'", "multiprocessing.nothing"]


START_METHOD = """
import json, sys
import multiprocessing
usual = multiprocessing.get_start_method(), multiprocessing.get_all_start_methods()[0]
import processing
undo = processing.replace_multiprocessing(sys.argv[1] or None)
import multiprocessing
found = [usual, multiprocessing.get_all_start_methods()[0], multiprocessing.get_start_method(allow_none=True)]
multiprocessing.set_start_method("spawn")
found.append(multiprocessing.get_start_method())
multiprocessing.set_start_method(None, force=True)
found.append(multiprocessing.get_start_method())
multiprocessing.set_start_method(None, force=True)
undo()
found.append(processing.get_start_method())
print(json.dumps(found))
"""


@pytest.mark.parametrize("method", ["", *METHODS])
def test_the_start_method_is_the_standard_one_until_the_program_sets_one(tmp_path: Path, method: str) -> None:
    usual, first, chosen, as_set, settled, after = output(tmp_path, START_METHOD, method)
    assert usual[0] == usual[1]
    assert (first, chosen, as_set, settled) == (method or usual[0], None, "spawn", method or usual[0])
    assert after == ONE_METHOD


def test_an_unknown_start_method_is_refused_and_nothing_is_replaced() -> None:
    import processing

    with pytest.raises(ValueError, match=f"'thread'.*{ONE_METHOD}"):
        processing.replace_multiprocessing("thread")
    assert sys.modules.get("multiprocessing") is not processing


BROKEN = """
import json, os
import processing
processing.replace_multiprocessing()
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool

if __name__ == "__main__":
    with ProcessPoolExecutor(2) as executor:
        futures = [executor.submit(pow, 2, number) for number in range(3)]
        found = [sorted(future.result() for future in as_completed(futures)), len(wait(futures).done)]
        error = executor.submit(os._exit, 3).exception()
    found += [isinstance(error, BrokenProcessPool), isinstance(error, BrokenExecutor)]
    print(json.dumps(found))
"""


def test_programs_catch_the_errors_of_a_replaced_executor(tmp_path: Path) -> None:
    assert output(tmp_path, BROKEN) == [[1, 2, 4], 3, True, True]


DEFERRED = """
import ast, importlib, json
from pathlib import Path
import multiprocessing
import processing

def taken(function):
    # The names that a function imports from other modules of its package, with what it takes from these modules.
    modules = {}
    for node in ast.walk(function):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            for alias in node.names:
                if node.module is None:
                    modules[alias.asname or alias.name] = alias.name
                yield (node.module or alias.name), (alias.name if node.module else None)
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield modules[node.value.id], node.attr

folder = Path(multiprocessing.__file__).parent
trees = [ast.parse(path.read_text()) for path in folder.glob("*.py")]
functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
names = {pair for function in functions for pair in taken(function)} - {("resource_sharer", "DupSocket")}  # Windows
processing.replace_multiprocessing()
missing = []
for module, name in sorted(names, key=str):
    if name and not module.endswith("win32"):
        if not hasattr(importlib.import_module(f"multiprocessing.{module}"), name):
            missing.append(f"{module}.{name}")
print(json.dumps([len(names), missing]))
"""


def test_what_modules_that_were_loaded_before_import_later(tmp_path: Path) -> None:
    count, missing = output(tmp_path, DEFERRED)
    assert count > 40
    assert missing == []


TAKEN_BEFORE = """
import json, sys
import multiprocessing as before
import processing

if __name__ == "__main__":
    processing.replace_multiprocessing()
    context = before.get_context(sys.argv[1])
    with context.Pool(1) as pool, context.Manager() as manager:
        found = [type(pool).__module__, pool.apply(abs, (-1,)), list(manager.list([2]))]
    try:
        context.Process(target=print).start()
    except TypeError as error:
        found.append(str(error))
    print(json.dumps(found))
"""


@pytest.mark.parametrize("method", METHODS)
def test_a_context_that_was_taken_before_makes_our_objects_but_its_processes_say_what_they_are(
    tmp_path: Path, method: str
) -> None:
    *works, refusal = output(tmp_path, TAKEN_BEFORE, method)
    assert works == ["processing_pool", 1, [2]]
    assert "perhaps before the modules of multiprocessing were replaced" in refusal
