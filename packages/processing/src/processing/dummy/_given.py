"""What a thread is given when it is started as a `Process`: the ends of pipes that it can reach.

A process gets a copy of each end, which it closes apart from its parent.  So does a thread here: an end that was given
to it stays open for it until it closes that itself, or ends.
"""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable, Iterator

from processing.dummy.connection import Connection
from processing_core.annotations import Any

__all__ = ["hold"]

_DEEPEST = 6
_MOST = 1000  # objects to look at: starting a thread must not take long


def hold(thread: threading.Thread) -> Callable[[], None]:
    """Let a thread that is about to be started hold the ends of pipes that it can reach, until it ends.

    :return: what lets them go, if it is not started.
    """
    run = thread.run
    ends = _ends_of(thread, run)
    for end in ends:
        end.give_to(thread)

    def let_go() -> None:
        thread.__dict__.pop("run", None)  # which refers to the thread
        for end in ends:
            end.let_go(thread)

    def live() -> None:
        try:
            run()
        finally:
            let_go()

    if ends:
        thread.run = live  # type: ignore[method-assign]
    return let_go


def _ends_of(thread: threading.Thread, run: Callable[[], object]) -> list[Connection]:
    """The ends in its arguments and attributes, and those that its functions name."""
    seen: dict[int, Any] = {}
    level: list[Any] = [run, *vars(thread).values()]
    for _ in range(_DEEPEST):
        deeper: list[Any] = []
        for thing in level:
            if id(thing) not in seen and len(seen) < _MOST:
                seen[id(thing)] = thing
                deeper += _parts(thing)
        level = deeper
    return [thing for thing in seen.values() if isinstance(thing, Connection)]


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, (str, bytes, int, float, type, types.ModuleType, threading.Thread, Connection)):
        return
    if isinstance(thing, (tuple, list, set, frozenset)):
        yield from list(thing)
    elif isinstance(thing, dict):
        yield from list(thing.values())
    elif isinstance(thing, types.MethodType):
        yield from (thing.__func__, thing.__self__)
    elif isinstance(thing, functools.partial):
        yield from (thing.func, thing.args, thing.keywords)
    elif isinstance(thing, types.FunctionType):
        yield from (thing.__defaults__, thing.__kwdefaults__)
        yield from map(_content, thing.__closure__ or ())
        names = thing.__code__.co_names
        yield from (thing.__globals__[name] for name in names if name in thing.__globals__)
    else:
        yield from list(getattr(thing, "__dict__", {}).values())


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # it is empty
