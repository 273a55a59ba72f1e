"""A first use of whatever is installed: ``python smoke.py processing_pool`` or ``python smoke.py processing``.

`nox -s build` runs it where only our wheels and cloudpickle are installed, so it needs nothing else.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

SECONDS = float(os.environ.get("SMOKE_SECONDS", "30"))  # an emulator takes longer


def square(number: int) -> int:
    return number * number


def work(lock: Any, queue: Any, value: Any) -> None:
    """The target of each child: it uses each of the shared objects."""
    for _ in range(100):
        with lock:
            if value is not None:
                value.value += 1
    queue.put("done")


def shared_objects(names: ModuleType, method: str) -> None:
    """Two children add to one value under a lock, and say so through a queue."""
    context = importlib.import_module("processing_core").get_context(method)
    lock, queue, value = names.Lock(), names.Queue(), names.Value("i", 0) if hasattr(names, "Value") else None
    children = [context.Process(target=work, args=(lock, queue, value)) for _ in range(2)]
    for child in children:
        child.start()
    assert [queue.get(timeout=SECONDS) for _ in children] == ["done", "done"]
    for child in children:
        child.join(SECONDS)
    assert [child.exitcode for child in children] == [0, 0]
    assert value is None or value.value == 200


def pool(names: ModuleType) -> None:
    """A pool maps a function of this module, and one that only cloudpickle can send."""
    with names.Pool(2) as workers:
        assert workers.map(square, range(100)) == [number * number for number in range(100)]
        assert workers.apply(lambda: "a lambda") == "a lambda"


def gather(modules: list[str]) -> ModuleType:
    """The names of all *modules* in one."""
    names = ModuleType("names")
    for name in modules:
        module = importlib.import_module(name)
        names.__dict__.update({public: getattr(module, public) for public in module.__all__})
    return names


def main() -> None:
    top = sys.argv[1]
    names = gather(["processing_sync", "processing_queues", top])
    core = importlib.import_module("processing_core")
    kernel = importlib.import_module("processing_core._kernel")
    methods = core.get_all_start_methods()
    for method in methods:
        shared_objects(names, method)
    pool(names)
    print(f"CPython {sys.version.split()[0]}: {top} works under {', '.join(methods)} with {kernel.__file__}")


if __name__ == "__main__":
    main()
