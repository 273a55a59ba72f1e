"""What libraries take from ``multiprocessing`` is there when they are run on this package, with the meaning they want.

The table, `names_of_libraries.toml`, has each name with the libraries that take it, and why some names are left out.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from processing_testing.harness.mechanisms import START_METHODS

TABLE: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("names_of_libraries.toml").read_text())
ABSENT: dict[str, str] = TABLE.pop("absent")
OBJECTS: dict[str, list[str]] = TABLE.pop("objects")
METHODS = START_METHODS

OF_WINDOWS = {"multiprocessing.popen_spawn_win32.Popen"}
"""What is absent on other systems alone."""

MODULES = """
import importlib, json, operator, os, sys
import processing
processing.replace_multiprocessing()
missing = []
for module, names in json.loads(sys.argv[1]).items():
    for name in names:
        try:
            found = importlib.import_module(module)
            if name != ".":
                operator.attrgetter(name)(found)
        except (ImportError, AttributeError):
            missing.append(f"{module}.{name}")
        else:
            assert found.__file__.startswith(os.path.dirname(processing.__file__)), found
print(json.dumps(missing))
"""


def output(program: Path, source: str, *arguments: str) -> Any:
    program.write_text(source)
    run = subprocess.run([sys.executable, program, *arguments], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    return json.loads(run.stdout)


def test_each_name_is_there_or_has_a_reason(tmp_path: Path) -> None:
    names = {module: list(taken) for module, taken in TABLE.items()}
    assert sum(map(len, names.values())) > 100
    missing = output(tmp_path / "program.py", MODULES, json.dumps(names))
    absent = {name for name in ABSENT if name.startswith(("multiprocessing.", "concurrent."))}
    assert sorted(missing) == sorted(absent - OF_WINDOWS if sys.platform == "win32" else absent)


MEANINGS = """
import json, os, sys, time
import processing
if __name__ == "__main__":
    processing.replace_multiprocessing(sys.argv[1])
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, pool, process

def own():
    return os.getpid(), multiprocessing.current_process()._identity

def wait_for(event):
    event.wait()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    found = {}
    event, lock, queue = context.Event(), context.Lock(), context.Queue()
    with context.Pool(1) as workers:
        pid, identity = workers.apply(own)
        found["Process._identity"] = len(identity) == 1 and identity[0] >= 1
        found["Pool._pool"] = [worker.pid for worker in workers._pool] == [pid] and workers._pool[0].exitcode is None
        found["Pool._ctx"] = workers._ctx.get_start_method() == sys.argv[1]
        result = workers.map_async(wait_for, [event, event], 1)
        found["Pool._cache"] = len(workers._cache) == 1
        found["Pool._taskqueue"] = workers._taskqueue.qsize() in (0, 1)
        found["AsyncResult._number_left"] = result._number_left == 2
        unset = not result._event.is_set() and not result._event.wait(0.001)
        event.set()
        found["AsyncResult._event"] = unset and result._event.wait() and result._event.is_set() and result.ready()
        workers.close()
        workers.join()
        found["Pool._cache"] &= not workers._cache
    child = context.Process(target=own, args=(1,), kwargs={"a": 2})
    found["Process._args"] = (child._target, child._args, child._kwargs) == (own, (1,), {"a": 2})
    bootstrap = process.BaseProcess._bootstrap
    calls = []
    process.BaseProcess._bootstrap = lambda self, *args, **kwargs: os._exit(7)
    forks = "fork" in multiprocessing.get_all_start_methods()  # others' children have the method as it was
    if forks:
        child = multiprocessing.get_context("fork").Process(target=own)
        child.start()
        child.join()
    process.BaseProcess._bootstrap = bootstrap
    found["BaseProcess._bootstrap"] = not forks or child.exitcode == 7
    with lock:
        found["Lock._semlock"] = lock._semlock._is_mine() and lock._semlock._get_value() == 0
    found["Lock._semlock"] &= lock._semlock._get_value() == 1
    queue.put(1)
    found["Queue._reader"] = connection.wait([queue._reader], 10) == [queue._reader] and queue._reader.poll()
    queue._writer.close()
    found["Queue._writer"] = queue.get() == 1
    with ProcessPoolExecutor(2, context) as executor:
        executor._adjust_process_count()
        executor._start_executor_manager_thread()
        found["ProcessPoolExecutor._adjust_process_count"] = len(executor._processes) == 2
        found["ProcessPoolExecutor._processes"] = executor.submit(own).result()[0] in executor._processes
        found["ProcessPoolExecutor._max_workers"] = executor._max_workers == 2
    threads = pool.ThreadPool(1)
    result = threads.apply_async(abs, (-1,))
    found["AsyncResult._event"] &= result._event.wait(10) and result._event.is_set()
    kinds = {"AsyncResult": result, "Pool": workers, "ProcessPoolExecutor": executor, "Queue": queue}
    absent = [name for name in json.loads(sys.argv[2]) if hasattr(kinds[name.split(".")[0]], name.split(".")[1])]
    threads.terminate()
    print(json.dumps([found, absent]))
"""


@pytest.mark.parametrize("method", METHODS)
def test_attributes_of_objects_mean_what_libraries_want(tmp_path: Path, method: str) -> None:
    absent = [name for name in ABSENT if not name.startswith("multiprocessing.")]
    found, there = output(tmp_path / "program.py", MEANINGS, method, json.dumps(absent))
    assert found == dict.fromkeys(OBJECTS, True)
    assert there == []  # else its reason is out of date


def test_each_reason_is_one() -> None:
    assert [name for name, reason in ABSENT.items() if len(reason) < len("for Windows")] == []
