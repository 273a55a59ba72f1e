"""Contexts in the forms that programs pass: a name, a class, multiprocessing's; and ours passed to its executor."""

from __future__ import annotations

import concurrent.futures
import multiprocessing  # noqa: TID251 - its contexts are what is given
import threading
from typing import Any

import pytest

import processing_core
from processing_core.lowlevel import ForkContext, ForkServerContext, SpawnContext
from processing_pool import Pool, ProcessPoolExecutor
from processing_testing.children import tasks

CLASSES = {"fork": ForkContext, "spawn": SpawnContext, "forkserver": ForkServerContext}


def given(method: str, kind: str) -> Any:
    """A context in one of the forms that programs have."""
    theirs = multiprocessing.get_context(method)
    forms = {"name": method, "class": CLASSES[method], "theirs": theirs, "their class": type(theirs)}
    return forms[kind]


@pytest.mark.parametrize("kind", ["name", "class", "theirs", "their class"])
def test_any_form_gives_its_start_method(method: str, kind: str) -> None:
    context = given(method, kind)
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        assert executor.submit(tasks.square, 3).result(30) == 9
        assert [worker._start_method for worker in executor._pool._pool] == [method]  # type: ignore[attr-defined]
    with Pool(1, context=context) as pool:
        assert pool.map(tasks.square, [3]) == [9]


@pytest.mark.parametrize("module", [multiprocessing, processing_core])
def test_a_module_means_its_default(module: Any) -> None:
    with ProcessPoolExecutor(1, mp_context=module) as executor:
        assert executor.submit(tasks.square, 3).result(30) == 9


@pytest.mark.parametrize("wrong", [3, object(), threading, multiprocessing.Process, b"spawn"])
def test_others_are_refused_at_once(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"mp_context must be a context of processing, .*get_context\('spawn'\)"):
        ProcessPoolExecutor(1, mp_context=wrong)
    with pytest.raises(TypeError, match="context must be a context"):
        Pool(1, context=wrong)
    with pytest.raises(ValueError, match="sporn"):
        ProcessPoolExecutor(1, mp_context="sporn")  # type: ignore[arg-type]


def test_the_standard_executor_refuses_ours_with_the_remedy(method: str) -> None:
    context: Any = processing_core.get_context(method)
    with pytest.raises(TypeError, match=r"take processing\.ProcessPoolExecutor"):
        concurrent.futures.ProcessPoolExecutor(1, mp_context=context)  # noqa: TID251
