"""The worker's side: takes a task, runs it, sends its result.

One result is sent before the next task is taken, so the claim in shared memory names the only task that dies with
the process.  SIGINT is ignored: Ctrl-C is the parent's affair, which ends its workers.
"""

import signal
from typing import Any, NamedTuple

from processing_core.lowlevel import Claims, Queue, pack
from processing_pool._functions import Functions, Initializer
from processing_pool._messages import (
    CALLS,
    CONTROL,
    INITIALIZER_FAILED,
    READY,
    Failure,
    Partial,
    failure_of,
    untaken,
)

__all__ = ["Recipe", "work"]


class Recipe(NamedTuple):
    """What every worker of a pool is started with."""

    tasks: "Queue[Any]"
    results: "Queue[Any]"
    claims: Claims
    initializer: Initializer | None
    initargs: tuple[Any, ...]
    max_tasks: int | None


def work(recipe: Recipe, place: int) -> None:
    """Be the worker at ``place`` until the tasks are over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # it was blocked at the birth
    if not _initialize(recipe, place):
        return
    tasks, results, claims = recipe.tasks, recipe.results, recipe.claims
    claims.write(place, CONTROL, READY)
    functions = Functions()
    left = recipe.max_tasks
    while left is None or left > 0:
        try:
            a, b, _, ok, payload = tasks._receive(None, claims, place)
        except ValueError:
            return  # the tasks were shut: the pool was closed
        value = _result(functions, a, ok, payload)
        try:
            results._send(a, b, value)
        except Exception as error:
            results._send(a, b, _sendable(value, functions.chunked(a), error))
        payload = value = None  # an idle worker holds on to nothing
        if left is not None:
            left -= 1


def _initialize(recipe: Recipe, place: int) -> bool:
    if recipe.initializer is None:
        return True
    try:
        recipe.initializer(*recipe.initargs)
    except Exception as error:
        recipe.results._send(CONTROL, INITIALIZER_FAILED, failure_of(error))
        recipe.claims.write(place, CONTROL, INITIALIZER_FAILED)
        return False
    return True


def _result(functions: Functions, a: int, ok: bool, payload: Any) -> Any:
    try:
        if not ok:
            return failure_of(untaken(payload, "a task, which did not unpickle in the worker"))
        if a == CALLS:
            function, args, kwds = payload
            if type(function) is int:  # the cell of its parcel
                function = functions[function]
            return function(*args, **kwds)
        return functions[a](payload)
    except SystemExit:
        raise  # as in any process: the worker ends
    except BaseException as error:
        return failure_of(error)


def _sendable(value: Any, chunked: bool, error: Exception) -> Any:
    """What is sent in place of a value that cannot be pickled; of a chunk, only the culprits are replaced."""
    if type(value) is Partial:
        return Partial([_checked(item) for item in value.results])
    if chunked and type(value) is list:
        return Partial([_checked(item) for item in value])
    return _unsent(value, error)


def _checked(value: Any) -> Any:
    try:
        pack(value)
    except Exception as error:
        return _unsent(value, error)
    return value


def _unsent(value: Any, error: Exception) -> Failure:
    try:
        shown = repr(value)[:200]
    except Exception:
        shown = f"a {type(value).__name__} without a repr"
    return failure_of(untaken(error, f"the result {shown}"))
