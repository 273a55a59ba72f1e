"""The facade offers each package's public names, once, and nothing else."""

import importlib
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import processing

BELOW = [importlib.import_module(f"processing_{name}") for name in ("core", "sync", "queues", "managers", "pool")]
PUBLIC = [pytest.param(package, name, id=f"{package.__name__}.{name}") for package in BELOW for name in package.__all__]
PACKAGES = pytest.mark.parametrize("package", [*BELOW, processing], ids=lambda package: package.__name__)

BUILTIN = {"Empty", "Full", "ShutDown"}
"""Names of the standard library that a package offers again."""

ALIASES = {
    "currentProcess": "current_process",
    "activeChildren": "active_children",
    "cpuCount": "cpu_count",
}


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_each_public_name_is_re_exported(package: ModuleType, name: str) -> None:
    assert processing.__all__.count(name) == 1
    assert getattr(processing, name) is getattr(package, name)


def test_nothing_else_is() -> None:
    names = [name for package in BELOW for name in package.__all__]
    assert sorted(processing.__all__) == sorted([*names, "replace_multiprocessing"])


@PACKAGES
def test_no_name_is_given_twice(package: ModuleType) -> None:
    assert len(set(package.__all__)) == len(package.__all__)


@PACKAGES
def test_a_star_brings_the_public_names(package: ModuleType) -> None:
    brought: dict[str, Any] = {}
    exec(f"from {package.__name__} import *", brought)
    assert set(brought) - {"__builtins__"} == set(package.__all__)


@PACKAGES
def test_dir_shows_the_public_names(package: ModuleType) -> None:
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_a_class_names_its_public_package(package: ModuleType, name: str) -> None:
    thing = getattr(package, name)
    if isinstance(thing, type) and name not in BUILTIN:
        assert thing.__module__ == package.__name__
        assert thing.__qualname__ == name
        assert pickle.loads(pickle.dumps(thing)) is thing


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_each_has_a_docstring(package: ModuleType, name: str) -> None:
    assert inspect.getdoc(getattr(package, name))


@pytest.mark.parametrize(("old", "new"), ALIASES.items())
def test_names_of_0_52(old: str, new: str) -> None:
    assert getattr(processing, old) is getattr(processing, new)
    assert old in processing.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        processing.no_such_name  # noqa: B018


def test_the_packages_below_do_not_need_it() -> None:
    names = ", ".join(package.__name__ for package in BELOW)
    code = f"import sys, {names}; print('processing' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_contexts_offer_what_the_facade_does() -> None:
    # A context's functions and factories; it has no use for classes that no program calls.
    wanted = {"Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Queue", "Value", "Pool"}
    wanted |= {"Process", "current_process", "active_children", "cpu_count", *ALIASES}
    for method in [None, *processing.get_all_start_methods()]:
        context = processing.get_context(method)
        assert [name for name in sorted(wanted) if not hasattr(context, name)] == []


def test_it_is_typed() -> None:
    assert processing.__file__ is not None
    assert (Path(processing.__file__).parent / "py.typed").exists()
