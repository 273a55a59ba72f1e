"""What runs a pool's tasks in the workers of a backend: a task comes as bytes, and its outcome leaves as bytes.

`run` is all that a backend calls. This module needs the standard library alone, because it also runs where the
kernel cannot be loaded (interpreters of one process); ``cloudpickle`` is imported where objects are sent by value.

A worker serves many pools, one after another and at the same time; what it knows of each is in ``_pools``, by the
pool's id. *Parts* are what many tasks share: the initializer, a job's function, and the program's own modules. Small
ones come with each task. A large one comes if the worker has answered that it lacks it, or by the engine's store.

An outcome is a tuple of plain objects, its first item one of the kinds below.
"""

from __future__ import annotations

import _pickle as pickle
import os
import sys
import threading
import time
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from processing_core.annotations import Any

Part = tuple[str, bytes]
"""An id, and what it stands for."""

WIRE = 1
"""The version of what is sent: a worker refuses another."""

ITEM, STAR, CALL = range(3)
"""What a payload is: the function's argument; the tuple of its arguments; (function, args, kwds)."""

# Outcomes of bundles.
DONE = "done"
"""(this, seconds, outcomes of the tasks)"""
MISSING = "missing"
"""(this, ids): nothing was begun, because these parts are not here."""
BROKEN = "broken"
"""(this, entry): the initializer failed."""
MISMATCH = "mismatch"
"""(this, versions): the worker has other versions."""

# Outcomes of tasks.
ONE = "one"
"""(this, entry): of an item by itself."""
PLAIN = "plain"
"""(this, bytes): of a batch; the pickled list of its results."""
EACH = "each"
"""(this, entries): of a batch; an entry for each item."""
UNREAD = "unread"
"""(this,): a batch cannot be unpickled; nothing of it was begun."""
REVOKED = "revoked"
"""(this,): the task was cancelled before it was begun."""

# Entries other than the bytes of a pickled result.
RAISED = "raised"
"""(this, pickled exception or None, its repr, its traceback as text)"""
UNPICKLABLE = "unpicklable"
"""(this, reason, the result's repr)"""
NOT_LOADED = "not loaded"
"""(this, reason, what)"""
TIMED_OUT = "timed out"
"""(this, seconds, pid)"""
DIED = "died"
"""(this, pid, exit code)"""

LARGEST_CACHE = 64
"""Functions that are kept for a pool, and pools that are kept; those that were used last."""
LARGEST_RECORD = 10_000
"""Tasks of which it is remembered that they were begun, or revoked."""

_PLAIN_TYPES = frozenset({int, float, str, bytes, bool, type(None), complex})

Task = namedtuple(  # noqa: PYI024 - a worker does without typing
    "Task",
    [
        "ticket",  # this task's id
        "how",
        "function",  # the part's id; of CALL, None
        "count",  # items of a batch; 0 for an item by itself
        "payload",
        "timeout",  # seconds that an item may run, or None
    ],
)

Bundle = namedtuple(  # noqa: PYI024
    "Bundle",
    [
        "versions",  # (wire, Python, processing-pool)
        "pool",  # the pool's id
        "setup",  # the part's id, or None
        "modules",  # the part's id, or None
        "processes",  # None: the items are run here; else how many processes below run them, 0 for one a processor
        "parts",  # those that come with the bundle
        "tasks",
    ],
)
"""Tasks that are sent together, and run one after another."""


def versions() -> tuple[int, str, str]:
    """Those that client and worker must share: of what is sent, of Python, and of this distribution."""
    global _versions
    if _versions is None:
        import importlib.metadata

        try:
            ours = importlib.metadata.version("processing-pool")
        except importlib.metadata.PackageNotFoundError:
            ours = "that is not installed"  # sources on the path
        _versions = WIRE, f"{sys.version_info[0]}.{sys.version_info[1]}", ours
    return _versions


_versions: tuple[int, str, str] | None = None


def run(bundle: bytes, parts: Iterable[Part] = ()) -> bytes:
    """Run a bundle of tasks.

    :param parts: those that do not come with the bundle.
    :return: the pickled outcome: DONE, MISSING, BROKEN or MISMATCH.
    """
    head, tasks = pickle.loads(bundle)
    return pickle.dumps(_outcome(Bundle(*(*head, [Task(*task) for task in tasks])), parts), 5)


def inside() -> bool:
    """Whether this thread runs a task, so that other tasks may wait for its end."""
    return getattr(_thread, "depth", 0) > 0


def revoke(tickets: list[str]) -> list[str]:
    """From now on, do not begin these tasks here.

    :return: those that were begun.
    """
    with _record:
        for ticket in tickets:
            _remember(_revoked, ticket)
        return [ticket for ticket in tickets if ticket in _begun]


def begun(tickets: list[str]) -> list[str]:
    """Those of these tasks that were begun here."""
    with _record:
        return [ticket for ticket in tickets if ticket in _begun]


def forget(pool: str) -> None:
    """A pool was closed: end the processes that ran its tasks, and drop what is known of it."""
    with _record:
        state = _pools.pop(pool, None)
    if state is not None:
        state.end()


_thread = threading.local()
_record = threading.RLock()  # guards what follows
_begun: OrderedDict[str, None] = OrderedDict()
_revoked: OrderedDict[str, None] = OrderedDict()
_pools: OrderedDict[str, _PoolState] = OrderedDict()


def _remember(record: OrderedDict[str, None], ticket: str) -> None:
    record[ticket] = None
    if len(record) > LARGEST_RECORD:
        record.popitem(last=False)


def _begin(ticket: str) -> bool:
    with _record:
        if ticket in _revoked:
            return False
        _remember(_begun, ticket)
        return True


def _state_of(pool: str) -> _PoolState:
    with _record:
        state = _pools.get(pool)
        if state is None:
            state = _pools[pool] = _PoolState(pool)
        _pools.move_to_end(pool)
        old = _pools.popitem(last=False)[1] if len(_pools) > LARGEST_CACHE else None
    if old is not None:
        old.end()
    return state


class _Missing(Exception):
    """Some parts are not here; its arguments are their ids."""


class _Broken(Exception):
    """The initializer failed; its argument is the entry that says how."""


class _PoolState:
    """What this process knows of one pool."""

    def __init__(self, pool: str) -> None:
        self.pool = pool
        self._guard = threading.RLock()  # guards what follows; held while the initializer runs
        self._parts: OrderedDict[str, bytes] = OrderedDict()
        self._functions: OrderedDict[str, Any] = OrderedDict()
        self._is_set_up = False
        self._failure: Any = None
        self._below: Any = None

    def add(self, parts: dict[str, bytes]) -> None:
        """Keep parts."""
        with self._guard:
            for part, content in parts.items():
                self._parts[part] = content
                self._parts.move_to_end(part)
                if len(self._parts) > LARGEST_CACHE:
                    self._parts.popitem(last=False)

    def parts(self, bundle: Any, given: dict[str, bytes]) -> dict[str, bytes]:
        """The parts of a bundle.

        :param given: those that came with it.
        :raises _Missing: if some are not here.
        """
        named = {bundle.setup, bundle.modules, *(task.function for task in bundle.tasks)}
        with self._guard:
            found = {part: given.get(part) or self._parts.get(part) for part in named if part is not None}
        missing = [part for part, content in found.items() if content is None]
        if missing:
            raise _Missing(*missing)
        return {part: content for part, content in found.items() if content is not None}

    def prepare(self, bundle: Any, parts: dict[str, bytes]) -> None:
        """Have the program's modules, and call the initializer if that was not done.

        :raises _Broken: if it fails, or has failed.
        """
        if bundle.modules is not None:
            _offered.offer(bundle.modules, parts[bundle.modules])
        if bundle.setup is not None:
            self._set_up(parts[bundle.setup])

    def function(self, task: Any, parts: dict[str, bytes]) -> Callable[[Any], Any]:
        """What does one item of a task.

        :raises _NotLoaded: if it cannot be unpickled.
        """
        if task.how == CALL:
            return _call
        function = self._function(task.function, parts[task.function])
        return (lambda item: function(*item)) if task.how == STAR else function

    def _set_up(self, setup: bytes) -> None:
        with self._guard:
            if not self._is_set_up:
                self._is_set_up = True
                try:
                    initializer, initargs = pickle.loads(setup)
                    initializer(*initargs)
                except BaseException as error:
                    self._failure = _raised(error)
            if self._failure is not None:
                raise _Broken(self._failure)

    def _function(self, part: str, pickled: bytes) -> Any:
        with self._guard:
            found = self._functions.get(part)
        if found is None:
            try:
                found = pickle.loads(pickled)
            except BaseException as error:
                raise _NotLoaded("the function, which did not unpickle in the worker", error) from error
            with self._guard:
                self._functions[part] = found
                if len(self._functions) > LARGEST_CACHE:
                    self._functions.popitem(last=False)
        return found

    def below(self, processes: int) -> Any:
        """The pool of processes of this machine. They end when they have had no task for a while."""
        with self._guard:
            if self._below is None:
                from processing_core import get_context

                context: Any = get_context()
                self._below = context.Pool(processes or None, idle_timeout=20.0)
            return self._below

    def end(self) -> None:
        """End the processes below."""
        with self._guard:
            below, self._below = self._below, None
        if below is not None:
            below.terminate()


class _NotLoaded(Exception):
    """Something cannot be unpickled; its arguments are what, and why."""


def _call(item: Any) -> Any:
    function, args, kwds = item
    return function(*args, **kwds)


def _outcome(bundle: Any, more: Iterable[Part]) -> tuple[Any, ...]:
    if tuple(bundle.versions) != versions():
        return MISMATCH, versions()
    state = _state_of(bundle.pool)
    given = dict([*bundle.parts, *more])
    state.add(given)
    began = time.perf_counter()
    try:
        parts = state.parts(bundle, given)
        outcomes = _here(state, bundle, parts) if bundle.processes is None else _below(state, bundle, parts)
    except _Missing as missing:
        return MISSING, list(missing.args)
    except _Broken as broken:
        return BROKEN, broken.args[0]
    return DONE, time.perf_counter() - began, outcomes


# -- in this process -------------------------------------------------------------------------------


def _here(state: _PoolState, bundle: Any, parts: dict[str, bytes]) -> list[tuple[Any, ...]]:
    _thread.depth = getattr(_thread, "depth", 0) + 1
    try:
        state.prepare(bundle, parts)
        return [_task_outcome(state, task, parts) if _begin(task.ticket) else (REVOKED,) for task in bundle.tasks]
    finally:
        _thread.depth -= 1


def _task_outcome(state: _PoolState, task: Any, parts: dict[str, bytes]) -> tuple[Any, ...]:
    try:
        function = state.function(task, parts)
    except _NotLoaded as reason:
        entry = NOT_LOADED, _shown(reason.args[1]), reason.args[0]
        return (EACH, [entry] * task.count) if task.count else (ONE, entry)
    if not task.count:
        return ONE, _entry(function, task.payload, task.timeout)
    return _batch(function, task)


def _entry(function: Callable[[Any], Any], payload: bytes, timeout: float | None) -> Any:
    try:
        item = pickle.loads(payload)
    except BaseException as error:
        return NOT_LOADED, _shown(error), "a task, which did not unpickle in the worker"
    return _pickled(_run(function, item, timeout))


def _batch(function: Callable[[Any], Any], task: Any) -> tuple[Any, ...]:
    try:
        items = pickle.loads(task.payload)
    except BaseException:
        return (UNREAD,)
    results = [_run(function, item, task.timeout) for item in items]
    if all(type(result) in _PLAIN_TYPES for result in results):
        return PLAIN, pickle.dumps(results, 5)
    return EACH, [_pickled(result) for result in results]


class _Ended:
    """In place of a result: the entry of an item that has none."""

    def __init__(self, entry: tuple[Any, ...]) -> None:
        self.entry = entry


def _run(function: Callable[[Any], Any], item: Any, timeout: float | None) -> Any:
    try:
        return function(item) if timeout is None else _run_for(function, item, timeout)
    except BaseException as error:
        return _Ended(_raised(error))


def _run_for(function: Callable[[Any], Any], item: Any, seconds: float) -> Any:
    """Run an item in a thread of its own. If its time is up, it is given up, and Python code is interrupted."""
    results: list[Any] = []
    ended = threading.Event()

    def work() -> None:
        _thread.depth = 1
        try:
            results.append(_run(function, item, None))
        finally:
            ended.set()

    thread = threading.Thread(target=work, name="processing task with a timeout", daemon=True)
    thread.start()
    if ended.wait(seconds) and results:
        return results[0]
    _interrupt(thread)
    return _Ended((TIMED_OUT, seconds, os.getpid()))


def _interrupt(thread: threading.Thread) -> None:
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))


def _pickled(result: Any) -> Any:
    if type(result) is _Ended:
        return result.entry
    try:
        return _dumps(result)
    except BaseException as error:
        return UNPICKLABLE, _shown(error), _shown(result)[:200]


def _dumps(obj: Any) -> bytes:
    """Pickle for the client; by value what it defines and this process has no module for."""
    try:
        return pickle.dumps(obj, 5)
    except (pickle.PicklingError, AttributeError, TypeError):
        import cloudpickle

        return cloudpickle.dumps(obj, 5)  # type: ignore[no-any-return]


def _raised(error: BaseException) -> tuple[Any, ...]:
    import traceback

    try:
        text = "".join(traceback.format_exception(error))
    except Exception:
        text = f"{type(error).__name__}\n"
    _drop_tracebacks(error)
    try:
        pickled = _dumps(error)
    except BaseException as reason:
        return RAISED, None, _shown(error), text, _shown(reason)
    return RAISED, pickled, _shown(error), text, None


def _drop_tracebacks(error: BaseException | None) -> None:
    """Have tracebacks of no exception of a chain: an engine may have made them picklable, with the frames they name."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        BaseException.with_traceback(error, None)
        error = error.__cause__ or error.__context__


def _shown(obj: object) -> str:
    try:
        return repr(obj)
    except Exception:
        return f"a {type(obj).__name__} without a repr"


# -- in processes below this one -------------------------------------------------------------------


def _below(state: _PoolState, bundle: Any, parts: dict[str, bytes]) -> list[tuple[Any, ...]]:
    """Run the items in processes of this machine. If one dies, the item fails that it ran."""
    pool = state.below(bundle.processes)
    outcomes = [_begun_below(pool, bundle, task, parts) if _begin(task.ticket) else None for task in bundle.tasks]
    return [(REVOKED,) if outcome is None else outcome() for outcome in outcomes]


def _begun_below(pool: Any, bundle: Any, task: Any, parts: dict[str, bytes]) -> Callable[[], tuple[Any, ...]]:
    items = pickle.loads(task.payload) if task.count else [task.payload]
    options = {} if task.timeout is None else {"timeout": task.timeout}
    result = pool.map_async(Below(bundle, task, parts), items, return_exceptions=True, **options)

    def finish() -> tuple[Any, ...]:
        entries = [_entry_of_below(one) for one in result.get()]
        for entry in entries:
            if type(entry) is tuple and entry[0] == BROKEN:
                raise _Broken(entry[1])
        return (EACH, entries) if task.count else (ONE, entries[0])

    return finish


class Below:
    """The function of the map that runs a task's items in other processes: it gets pickled items, and gives entries."""

    def __init__(self, bundle: Any, task: Any, parts: dict[str, bytes]) -> None:
        self._bundle: tuple[Any, ...] = tuple(bundle._replace(parts=[], tasks=[]))
        self._task: tuple[Any, ...] = tuple(task._replace(payload=b""))
        self._parts = parts

    def __call__(self, item: bytes) -> Any:
        """Do one item."""
        bundle, task = Bundle(*self._bundle), Task(*self._task)
        state = _state_of(bundle.pool)
        try:
            state.prepare(bundle, self._parts)
            function = state.function(task, self._parts)
        except _Broken as broken:
            return BROKEN, broken.args[0]
        except _NotLoaded as reason:
            return NOT_LOADED, _shown(reason.args[1]), reason.args[0]
        return _entry(function, item, None)


def _entry_of_below(result: Any) -> Any:
    """The entry of what the map gave: an entry, or the error of a process."""
    if not isinstance(result, BaseException):
        return result
    from processing_pool._errors import TaskTimeout, WorkerDied

    if isinstance(result, TaskTimeout):
        return TIMED_OUT, result.seconds, result.pid
    if isinstance(result, WorkerDied):
        return DIED, result.pid, result.exitcode
    return _raised(result)


# -- the program's modules -------------------------------------------------------------------------

Sources = dict[str, tuple[bytes, bool, str]]
"""Modules by their names: the source, whether it is a package, and the file's name."""


class _Offered:
    """A finder and loader of modules of the program that this process does not find otherwise."""

    def __init__(self) -> None:
        self._guard = threading.RLock()  # guards what follows
        self._part: str | None = None
        self._sources: Sources = {}
        self._loaded: dict[str, bytes] = {}

    def offer(self, part: str, content: bytes) -> None:
        """Have these modules from now on; those that were loaded from other sources will be loaded anew."""
        if part == self._part:
            return
        with self._guard:
            self._sources = pickle.loads(content)
            for name, source in list(self._loaded.items()):
                if name not in self._sources or self._sources[name][0] != source:
                    sys.modules.pop(name, None)
                    del self._loaded[name]
            if self not in sys.meta_path:
                sys.meta_path.append(self)
            self._part = part

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """As ``importlib.abc.MetaPathFinder.find_spec``."""
        if name not in self._sources:
            return None
        from importlib.util import spec_from_loader

        loader: Any = self
        _, is_package, origin = self._sources[name]
        return spec_from_loader(name, loader, origin=origin, is_package=is_package)

    def create_module(self, spec: object) -> None:
        """Let the import system make it."""

    def exec_module(self, module: Any) -> None:
        """Run a module's source."""
        source, _, origin = self._sources[module.__name__]
        self._loaded[module.__name__] = source
        exec(compile(source, origin, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name: str) -> str | None:
        """A module's text, for tracebacks."""
        from importlib.util import decode_source

        return decode_source(self._sources[name][0]) if name in self._sources else None


_offered = _Offered()
