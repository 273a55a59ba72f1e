"""An object that cannot be pickled raises an error with the path to the part that cannot be pickled."""

from __future__ import annotations

import functools
import gc
import pickle
import sys
import threading
import time
from collections import OrderedDict, deque, namedtuple
from collections.abc import Callable
from typing import Any

import pytest

import processing_core
from processing_core import NotPicklableError, _culprit, lowlevel
from processing_testing.children import functions as children
from processing_testing.harness import leaks, scripts

LOCK = threading.Lock()
Pair = namedtuple("Pair", "left right")  # noqa: PYI024


class Session:
    def __init__(self, lock: object = LOCK) -> None:
        self.name = "a session"
        self.lock = lock

    def method(self) -> None: ...


class Slotted:
    __slots__ = ("__hidden", "shown")

    def __init__(self, hidden: object, shown: object) -> None:
        self.__hidden, self.shown = hidden, shown


class Stateful:
    """An object whose state is made on request, so that the parts of the state have no names."""

    def __getstate__(self) -> object:
        return {"lock": threading.Lock()}


class Refusing:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error


class Unseen:
    """An object of which no attribute can be read."""

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError("unseen")

    def __getattribute__(self, name: str) -> Any:
        if name == "__dict__":
            raise LookupError(name)
        return object.__getattribute__(self, name)


class Odd(pickle.PicklingError):
    pass


def closure() -> Callable[[], object]:
    session = Session()
    return lambda: session


def defaults() -> Callable[..., object]:
    return lambda first=Session(), *, second=None: first  # noqa: B008


def keyword_defaults() -> Callable[..., object]:
    return lambda *, second=Session(): second  # noqa: B008


def local_class() -> object:
    class Local:
        session = Session()

    return Local


SHARED = Session(None)

PATHS: list[tuple[object, str]] = [
    (LOCK, ""),
    (Stateful(), ""),
    ((1, LOCK), "[1]"),
    ([1, "text", Session()], "[2].lock"),
    ({"a": {"b": Session()}}, "['a']['b'].lock"),
    ({LOCK: 1}, f"<key {repr(LOCK)[:37]}...>"),
    ([Pair(1, Session())], "[0].right.lock"),
    (deque([1, [LOCK]]), "[1][0]"),
    (OrderedDict(key=[Session()]), "['key'][0].lock"),
    (functools.partial(Session().method), "func.__self__.lock"),
    (functools.partial(print, Session()), "args[0].lock"),
    (functools.partial(print, end=Session()), "keywords['end'].lock"),
    (Session().method, "__self__.lock"),
    (Session().__init__, "__self__.lock"),
    ([LOCK.acquire], "[0].__self__"),
    (closure(), "<nonlocal session>.lock"),
    (defaults(), "__defaults__[0].lock"),
    (keyword_defaults(), "__kwdefaults__['second'].lock"),
    (local_class(), "session.lock"),
    (Slotted(1, Session()), "shown.lock"),
    (Slotted(Session(), 1), "__hidden.lock"),
    ([ValueError("text", Session())], "[0].args[1].lock"),
    ([SHARED, [SHARED], Stateful()], "[2]"),
    ([[SHARED], Session([SHARED, LOCK])], "[1].lock[1]"),
]


def refusal(obj: object) -> NotPicklableError:
    with pytest.raises(NotPicklableError) as raised:
        lowlevel.dumps(obj)
    return raised.value


@pytest.mark.parametrize(("obj", "path"), PATHS, ids=[path or "itself" for _, path in PATHS])
def test_path(obj: object, path: str) -> None:
    error = refusal(obj)
    assert error.path == path == lowlevel.path_to_culprit(obj)
    assert type(error.__cause__) is TypeError
    assert str(error) == (f"{path}: " if path else "") + str(error.__cause__)
    assert "cannot pickle '_thread.lock' object" in str(error)


def test_element_of_a_set() -> None:
    assert refusal({Session()}).path.startswith("<element <")


def test_cycle() -> None:
    first, second = Session(None), Session(None)
    first.lock, second.lock = [second], [first, LOCK]
    assert refusal([first]).path == "[0].lock[0].lock[1]"


def test_long_path_is_cut() -> None:
    nested: list[Any] = [LOCK]
    for _ in range(40):
        nested = [nested]
    assert refusal(nested).path == "[0]" * 5 + " ... 31 more ... " + "[0]" * 5


def test_deep_recursion_is_reported_as_before() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises((pickle.PicklingError, RecursionError)):
        lowlevel.dumps(nested)
    while nested:
        nested = nested[0]


def test_what_can_be_pickled_has_none() -> None:
    assert lowlevel.path_to_culprit([SHARED, lambda: SHARED]) == ""


def test_what_cannot_be_looked_at() -> None:
    assert str(refusal([Unseen(), LOCK])) == "unseen"


@pytest.mark.parametrize("error", [LookupError("not me"), Odd("nor me"), KeyboardInterrupt()], ids=repr)
def test_other_errors_stay_what_they_are(error: BaseException) -> None:
    """An error that the object's own code raises keeps its type and its identity, and gets a note."""
    with pytest.raises(type(error)) as raised:
        lowlevel.dumps({"here": [Refusing(error)]})
    assert raised.value is error
    notes = getattr(error, "__notes__", None)
    assert notes == (["raised while pickling ['here'][0]"] if isinstance(error, Exception) else None)


def test_names_for_parts() -> None:
    error = refusal((1, [LOCK])).renamed({"[0]": "function", "[1]": "args"})
    assert (error.path, str(error)) == ("args[0]", "args[0]: cannot pickle '_thread.lock' object")
    assert pickle.loads(pickle.dumps(error)).path == "args[0]"


def test_a_queue_raises_it_in_the_caller_and_goes_on() -> None:
    queue: lowlevel.Queue[object] = lowlevel.Queue()
    for put in (queue.put, queue.put_nowait, lambda obj: queue.put_many([obj])):
        with pytest.raises(NotPicklableError) as raised:
            put({"session": Session()})
        assert raised.value.path == "['session'].lock"
    queue.put("next")
    assert queue.get() == "next"


class Holder(processing_core.Process):
    def __init__(self, method: str, session: object) -> None:
        super().__init__()
        self._start_method = method  # type: ignore[misc]
        self.session = session


class TestProcess:
    @pytest.fixture(params=[name for name in processing_core.get_all_start_methods() if name != "fork"])
    def method(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)  # under fork nothing is pickled

    @pytest.mark.parametrize(
        ("options", "path"),
        [
            ({"target": Session().method}, "target.__self__.lock"),
            ({"target": print, "args": (1, Session())}, "args[1].lock"),
            ({"target": print, "kwargs": {"end": [Session()]}}, "kwargs['end'][0].lock"),
        ],
    )
    def test_names_the_argument(self, method: str, options: dict[str, Any], path: str) -> None:
        context = processing_core.get_context(method)
        first = context.Process(target=children.nothing)
        first.start()
        first.join()
        gc.collect()  # frees objects that the tracebacks of earlier tests refer to
        before = lowlevel.stats()
        with leaks.leaves_nothing():
            process = context.Process(**options)
            with pytest.raises(NotPicklableError) as raised:
                process.start()
            assert (raised.value.path, process.exitcode) == (path, None)
            assert process not in processing_core.active_children()
            del process, raised
        assert lowlevel.stats() == before

    def test_names_the_attribute_of_a_subclass(self, method: str) -> None:
        with pytest.raises(NotPicklableError, match=r"^session\.lock: cannot pickle '_thread\.lock' object"):
            Holder(method, Session()).start()


def test_nothing_is_imported_for_it_before() -> None:
    program = """
        import sys, threading
        from processing_core import lowlevel, NotPicklableError
        lowlevel.dumps({"a": [len]})
        print("processing_core._culprit" in sys.modules)
        try: lowlevel.dumps([threading.Lock()])
        except NotPicklableError: print("processing_core._culprit" in sys.modules)
    """
    assert scripts.run(program).split() == ["False", "True"]


class Link:
    """A link of a chain."""

    def __init__(self, rest: object) -> None:
        self.rest = rest


def chain(length: int, end: object) -> object:
    for _ in range(length):
        end = Link(end)
    return end


# Since Python 3.14 the size of the stack, in bytes, bounds the depth.
@pytest.mark.parametrize("length", [10_000, 100_000] if sys.version_info < (3, 14) else [100_000])
@pytest.mark.parametrize("end", [None, LOCK], ids=["sound", "refused"])
@pytest.mark.parametrize("write", [lowlevel.dumps, lowlevel.pack], ids=["dumps", "pack"])
def test_what_is_nested_too_deeply_is_not_searched(length: int, end: object, write: Any, monkeypatch: Any) -> None:
    """Pickle raises RecursionError within a millisecond, and no search follows."""
    monkeypatch.setattr(_culprit, "path_to_culprit", lambda obj: pytest.fail("it is searched"))
    deep: Any = chain(length, end)
    try:
        with pytest.raises(RecursionError) as raised:
            write(deep)
        assert not hasattr(raised.value, "__notes__")
    finally:
        while deep is not None and deep is not LOCK:  # so that its destruction does not recurse
            deep = deep.rest


@pytest.mark.parametrize("write", [lowlevel.dumps, lowlevel.pack], ids=["dumps", "pack"])
def test_what_is_nested_too_deeply_by_value_is_not_searched(write: Any, monkeypatch: Any) -> None:
    """The pickler by value raises RecursionError, too."""
    monkeypatch.setattr(_culprit, "path_to_culprit", lambda obj: pytest.fail("it is searched"))
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError) as raised:
        write([lambda: None, deep])
    assert not hasattr(raised.value, "__notes__")
    while deep:
        deep = deep[0]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="it is nested too deeply before Python 3.14")
def test_what_is_nested_deeply_is_searched_for_a_while() -> None:
    deep: Any = chain(3_000, LOCK)
    begin = time.process_time()
    error = refusal(deep)
    assert time.process_time() - begin < 30
    assert error.path.startswith("rest") and error.path.endswith(" ... (the search ended here)")
    seen: Any = error
    while seen is not None:
        assert not hasattr(seen, "__notes__")
        seen = seen.__context__


class Slow:
    """An object whose state takes long to compute."""

    made = 0

    def __reduce__(self) -> Any:
        Slow.made += 1
        time.sleep(0.05)
        return (Slow, ())


def test_a_search_through_slow_objects_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(Slow, "made", 0)
    monkeypatch.setattr(_culprit, "_SECONDS_OF_VISITS", 0.1)
    with pytest.raises(NotPicklableError, match="the search ended here"):
        lowlevel.dumps([[Slow() for _ in range(20)], LOCK])
    assert Slow.made <= 20 + 20 + 3  # pickled plainly, by value, and by the search until its time is up


def test_a_walk_through_slow_objects_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(Slow, "made", 0)
    monkeypatch.setattr(_culprit, "_SECONDS_OF_WALK", 0.1)
    nested: Any = [Slow(), LOCK]
    for _ in range(10):
        nested = [Slow(), nested]
    with pytest.raises(NotPicklableError, match="the search ended here"):
        lowlevel.dumps(nested)
    assert Slow.made <= 11 * 3 + 3


def test_a_long_search_is_cut_short() -> None:
    wide = [list(range(50_000)) for _ in range(4)]
    for _ in range(40):
        wide = [wide]
    before = time.process_time()
    with pytest.raises(NotPicklableError) as caught:
        lowlevel.dumps([wide, LOCK, wide])
    assert "[1]" in str(caught.value)
    assert time.process_time() - before < 30
