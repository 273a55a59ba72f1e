"""The worker's side: it takes tasks, runs them, and sends their results.

In a batch, the worker notes in shared memory which item it begins, and saves each result there.  So when the worker
dies, the shared memory has the item that died with it, the results of the items before, and the items that were not
begun.  A worker ignores SIGINT: the parent handles Ctrl-C and ends its workers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from processing_core.annotations import Any, signal
from processing_core.lowlevel import loaded, unblock_interrupts
from processing_pool._messages import (
    CALLS,
    CONTROL,
    INITIALIZER_FAILED,
    READY,
    Failure,
    Unread,
    failure_of,
    pickling_failed,
    unpickling_failed,
)
from processing_pool._worker.functions import STAR, FunctionCache
from processing_pool._worker.setup import WorkerConfig
from processing_pool._worker.state import begin, end

__all__ = ["work"]


def work(config: WorkerConfig, worker_id: int, slot: int) -> None:
    """Run the worker with this id until no more tasks will arrive, or it is to end.

    :param slot: where its claim is among ``config.claims``.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    unblock_interrupts()  # they were blocked at the start
    begin(worker_id)
    if not _initialize(config, worker_id, slot):
        return
    config.claims.write(slot, CONTROL, READY)
    worker = _Worker(config, slot)
    if "PROCESSING_TRACE_DIRECTORY" in os.environ:
        from processing_pool._worker.traced import trace_tasks  # here, for few programs are traced

        trace_tasks(worker)
    try:
        worker.serve()
    finally:
        config.claims.retire(slot)  # so that the supervisor does not count on it while it calls what comes last
        end(config.on_exit)


def _initialize(config: WorkerConfig, worker_id: int, slot: int) -> bool:
    try:
        config.setup.apply(worker_id)
        if config.initializer is not None:
            config.initializer(*config.initargs)
    except (Exception, SystemExit, GeneratorExit) as error:
        if config.of_executor:
            _log_failure()
        config.results._send(CONTROL, INITIALIZER_FAILED, failure_of(error))
        config.claims.write(slot, CONTROL, INITIALIZER_FAILED)
        return False
    return True


def _log_failure() -> None:
    """Log an initializer's error as ``concurrent.futures`` does, if that logger has a handler."""
    logging = loaded("logging")
    if logging is not None and (logger := logging.getLogger("concurrent.futures")).hasHandlers():
        logger.critical("Exception in initializer:", exc_info=True)


def _ends(idle_timeout: float | None) -> tuple[type[Exception], ...]:
    """What waiting for a task raises if the worker is to end.

    A `ValueError` says that the pool was closed, or that this worker is to end, or about to be killed.  An `Empty` that
    no task came in time: none was taken, so none is lost; if there is one by now, the supervisor sees it.
    """
    if idle_timeout is None:
        return (ValueError,)
    from queue import Empty  # here, for most workers wait for ever

    return ValueError, Empty


class _Worker:
    def __init__(self, config: WorkerConfig, slot: int) -> None:
        self._config = config
        self._slot = slot
        self._functions = FunctionCache(partial(config.claims.name, slot))

    def serve(self) -> None:
        """Take messages and run their tasks, until no more will arrive or come in time, or the worker is to end."""
        tasks, _, claims, *_ = self._config
        left, idle_timeout = self._config.max_tasks, self._config.idle_timeout
        ends = _ends(idle_timeout)
        while left is None or left > 0:
            try:
                job_id, index, items, ok, payload = tasks._receive(idle_timeout, claims, self._slot)
            except ends:
                return
            if not items:
                self._run_one(job_id, index, ok is True, payload)
            elif ok:
                self._run_batch(job_id, payload)
            else:
                self._refuse_batch(job_id, index)
                return
            payload = None  # an idle worker keeps no objects
            if left is not None:
                left -= 1

    def _run_one(self, job_id: int, index: int, ok: bool, payload: Any) -> None:
        results, claims, slot = self._config.results, self._config.claims, self._slot
        value = self._result(job_id, ok, payload)
        try:
            long = results._send(job_id, index, value, claims, slot)
        except BaseException as error:  # it is the task's, because the worker ignores Ctrl-C
            long = results._send(job_id, index, self._pickling_failure(value, error), claims, slot)
        if long:
            self._note(job_id, [payload] if ok else [])

    def _result(self, job_id: int, ok: bool, payload: Any) -> Any:
        try:
            if not ok:
                return failure_of(unpickling_failed(payload, "a task, which did not unpickle in the worker"))
            if job_id == CALLS:
                function, args, kwds = payload
                if type(function) is int:  # the cell of its parcel
                    function = self._functions[function].function
                return function(*args, **kwds)
            return self._functions[job_id].run(payload)
        except SystemExit as error:
            if self._config.of_executor:
                return failure_of(error)
            raise  # as in any process: the worker ends
        except BaseException as error:
            return failure_of(error)

    def _run_batch(self, job_id: int, items: Sequence[Any]) -> None:
        self._run_items(job_id, items)
        if self._config.results._flush(self._config.claims, self._slot):
            self._note(job_id, items)

    def _run_items(self, job_id: int, items: Sequence[Any]) -> None:
        results, claims, slot = self._config.results, self._config.claims, self._slot
        values, more = self._functions.each(job_id, items), True
        while more:
            try:
                unsaved = results._run(claims, slot, values)
            except BaseException as error:
                if isinstance(error, SystemExit) and not self._config.of_executor:
                    raise
                failure = failure_of(error)
            else:
                if unsaved is None:
                    break
                failure = self._pickling_failure(*unsaved)
            more = results._save(claims, slot, failure, True)  # else it was the last, or this worker is stopped

    def _note(self, job_id: int, items: Sequence[Any]) -> None:
        """Describe those of the items that are among the longest of this worker."""
        from processing_pool._outcomes import plain_text

        for number, ns in self._config.claims.listed():
            text = self._description(job_id, items[number]) if items else "a task that could not be unpickled"
            self._config.claims.note(self._slot, ns, plain_text(text))

    def _description(self, job_id: int, payload: Any) -> str:
        from processing_pool._errors import MaybeEncodingError
        from processing_pool._outcomes import described

        try:
            if job_id == CALLS:
                function, args, kwds = payload
                return described(self._functions[function].function if type(function) is int else function, args, kwds)
            cached = self._functions[job_id]
            return described(cached.function, payload if cached.how == STAR else (payload,), {})
        except MaybeEncodingError as error:  # the function did not unpickle
            return str(error)

    def _refuse_batch(self, job_id: int, index: int) -> None:
        """A batch cannot be unpickled: its items must be sent one by one.

        The outcome of the first item, which is begun, is `Unread`. The others are not begun; the supervisor sends them
        again because this worker ends.
        """
        self._config.results._send(job_id, index, Unread(), self._config.claims, self._slot)

    def _pickling_failure(self, value: Any, error: BaseException) -> Failure:
        """The outcome that is sent instead of a value that cannot be pickled."""
        if isinstance(error, SystemExit) and self._config.of_executor:
            return failure_of(error)
        try:
            shown = repr(value)[:200]
        except Exception:
            shown = f"a {type(value).__name__} without a repr"
        return failure_of(pickling_failed(error, f"the result {shown}"))
