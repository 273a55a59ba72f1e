"""The worker's side: takes tasks, runs them, sends their results.

An item of a batch is begun, and its result saved, in shared memory; so at the worker's death what it wrote there names
the one item that dies with it, the results of those before, and those that nobody has begun.  SIGINT is ignored: Ctrl-C
is the parent's affair, which ends its workers.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from processing_core.annotations import Any, NamedTuple
from processing_core.lowlevel import Claims, Queue
from processing_pool._functions import Functions, Initializer
from processing_pool._messages import (
    CALLS,
    CONTROL,
    INITIALIZER_FAILED,
    READY,
    Failure,
    Unread,
    failure_of,
    untaken,
)
from processing_pool._state import begin, end

__all__ = ["Recipe", "work"]


class Recipe(NamedTuple):
    """What every worker of a pool is started with."""

    tasks: Queue[Any]
    results: Queue[Any]
    claims: Claims
    initializer: Initializer | None
    initargs: tuple[Any, ...]
    max_tasks: int | None
    on_exit: Initializer | None


def work(recipe: Recipe, place: int) -> None:
    """Be the worker at ``place`` until the tasks are over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # it was blocked at the birth
    begin(place)
    if not _initialize(recipe, place):
        return
    recipe.claims.write(place, CONTROL, READY)
    try:
        _Worker(recipe, place).serve()
    finally:
        end(recipe.on_exit)


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


class _Worker:
    def __init__(self, recipe: Recipe, place: int) -> None:
        self._recipe = recipe
        self._place = place
        self._functions = Functions()

    def serve(self) -> None:
        """Take messages and do what they say, until there will be no more, or it is enough."""
        tasks, _, claims, *_ = self._recipe
        left = self._recipe.max_tasks
        while left is None or left > 0:
            try:
                a, b, items, ok, payload = tasks._receive(None, claims, self._place)
            except ValueError:
                return  # the tasks were shut, for the pool was closed; or somebody is about to end this process
            if not items:
                self._run_one(a, b, ok is True, payload)
            elif ok:
                self._run_batch(a, payload)
            else:
                self._refuse_batch(a, b)
                return
            payload = None  # an idle worker holds on to nothing
            if left is not None:
                left -= 1

    def _run_one(self, a: int, b: int, ok: bool, payload: Any) -> None:
        results, claims, place = self._recipe.results, self._recipe.claims, self._place
        value = self._result(a, ok, payload)
        try:
            results._send(a, b, value, claims, place)
        except Exception as error:
            results._send(a, b, _unsent(value, error), claims, place)

    def _result(self, a: int, ok: bool, payload: Any) -> Any:
        try:
            if not ok:
                return failure_of(untaken(payload, "a task, which did not unpickle in the worker"))
            if a == CALLS:
                function, args, kwds = payload
                if type(function) is int:  # the cell of its parcel
                    function = self._functions[function].function
                return function(*args, **kwds)
            return self._functions[a].run(payload)
        except SystemExit:
            raise  # as in any process: the worker ends
        except BaseException as error:
            return failure_of(error)

    def _run_batch(self, a: int, items: Sequence[Any]) -> None:
        results, claims, place = self._recipe.results, self._recipe.claims, self._place
        values, more = self._functions.each(a, items), True
        while more:
            try:
                unsaved = results._run(claims, place, values)
            except SystemExit:
                raise
            except BaseException as error:
                failure = failure_of(error)
            else:
                if unsaved is None:
                    break
                failure = _unsent(*unsaved)
            more = results._save(claims, place, failure, True)  # else it was the last, or this process is doomed
        results._flush(claims, place)

    def _refuse_batch(self, a: int, b: int) -> None:
        """An item does not unpickle: each must come alone.  The first, which is begun, has this for its outcome.

        The others are not begun; that this worker ends is what makes them sent again.
        """
        self._recipe.results._send(a, b, Unread(), self._recipe.claims, self._place)


def _unsent(value: Any, error: BaseException) -> Failure:
    """What is sent in place of a value that cannot be pickled."""
    try:
        shown = repr(value)[:200]
    except Exception:
        shown = f"a {type(value).__name__} without a repr"
    return failure_of(untaken(error, f"the result {shown}"))
