"""Which part of an object cannot be pickled, and the path to it.

The search begins only when pickling has failed. It pickles the object again and records which objects the pickler
visits, depth first, until one is refused. Then it goes from the object down to the culprit, one level at a time. On
each level it tries the child that was visited last, because the pickler had finished the earlier ones; so it usually
tries one child of a thousand. If the pickler had finished that child too, as a part of an earlier one, it can be
pickled by itself, and the search tries the child that was visited before it.

Each step pickles everything below it, so a search through n levels costs n times the pickling. The search is bounded by
a number of steps and by a time. The time is checked before each object that is visited, so the search takes at most one
call of the object's own code longer. It does not begin if the object is nested too deeply, or if memory is lacking.
"""

from __future__ import annotations

import _pickle as pickle
import functools
import time
import types
from collections import deque
from collections.abc import Iterator

from processing_core import _reducers
from processing_core._errors import NotPicklableError
from processing_core.annotations import Any

__all__ = ["explain", "path_to_culprit"]

_REFUSALS = (pickle.PicklingError, TypeError, AttributeError)
"""What pickle raises for objects that it cannot pickle; errors of derived classes are raised by the objects' code."""

_SECONDS_OF_VISITS, _SECONDS_OF_WALK = 2.0, 0.2
_DEEPEST = 200  # steps
_ENDED = " ... (the search ended here)"
_LONGEST = 12  # steps of a path that is shown whole
_ENDS = 5
_WIDEST = 40  # characters of a key

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})

_METHODS = (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType)


class _TimeIsUp(BaseException):
    """Ends a pickling that is part of a search; no `Exception`, so that the object's own code does not catch it."""


_Visits = dict[int, tuple[int, Any]]
"""By ``id``: the number of the first visit, and the object, which is kept so that its ``id`` is not reused."""


def explain(error: BaseException, obj: Any) -> NotPicklableError | None:
    """Find the part of ``obj`` that made its pickling raise ``error``; return an error with the path, or add a note.

    Calls the object's own code (``__reduce__``, ``__getstate__``) a few times.

    :return: what to raise instead, with ``error`` as its cause; ``None`` if ``error`` is not one of pickle's own, and
        is to be raised as it is.
    """
    _drop_notes(error)
    if not isinstance(error, Exception) or isinstance(error, (MemoryError, RecursionError)):
        return None
    try:
        path = path_to_culprit(obj)
    except Exception:  # raised by the object's own code during the search: the first error is reported
        path = ""
    _drop_notes(error)  # the object's own code may have raised it again
    if type(error) in _REFUSALS:
        return NotPicklableError(path, str(error))
    if path:
        error.add_note(f"raised while pickling {path}")
    return None


def _drop_notes(error: BaseException | None) -> None:
    """Remove the notes that pickle adds since Python 3.14, one or more for each level: the path says the same.

    If the error was raised by a second try, the notes of the first try's error, its context, are removed too.
    """
    for one in (error, error.__context__ if error is not None else None):
        notes = getattr(one, "__notes__", None)
        if isinstance(notes, list):
            notes[:] = [note for note in notes if not str(note).startswith("when serializing ")]
            if not notes:
                del one.__notes__  # type: ignore[union-attr]


def path_to_culprit(obj: Any) -> str:
    """The path to the part of ``obj`` that cannot be pickled, like ``args[0].session.lock``.

    Calls the object's own code.

    :return: the empty string if it is ``obj`` itself, or if ``obj`` can be pickled.
    """
    visits: _Visits = {}
    try:
        _visit(obj, time.monotonic() + _SECONDS_OF_VISITS, visits)
    except _TimeIsUp:
        return _shown([_ENDED])
    except Exception:
        return _shown(list(_walk(obj, time.monotonic() + _SECONDS_OF_WALK, visits)))
    return ""


def _visit(obj: Any, deadline: float, visits: _Visits) -> None:
    """Pickle ``obj`` and record the objects that are visited.

    :raises _TimeIsUp: if the time is up.
    :raises Exception: what the pickling raises.
    """

    def note(visited: Any) -> None:
        if time.monotonic() > deadline:
            raise _TimeIsUp
        if type(visited) not in _ATOMS:
            visits.setdefault(id(visited), (len(visits), visited))

    _reducers.visit_by_value(obj, note)


def _walk(obj: Any, deadline: float, visits: _Visits) -> Iterator[str]:
    """The steps from ``obj`` down to the culprit, as far as they have names."""
    at = _first_visit(obj, visits)
    try:
        for _ in range(_DEEPEST):
            below = _next_below(obj, at, deadline, visits)
            if below is None:
                return
            at, step, obj = below
            yield step
    except _TimeIsUp:
        pass
    yield _ENDED


def _next_below(obj: Any, at: int, deadline: float, visits: _Visits) -> tuple[int, str, Any] | None:
    """The child of ``obj`` that is refused: its first visit, the step to it, and the child."""
    later = []
    for step, child in _children(obj):
        if time.monotonic() > deadline:
            raise _TimeIsUp
        visit = _first_visit(child, visits)
        if visit > at:
            later.append((visit, step, child))
    later.sort(key=lambda one: one[0], reverse=True)
    return next((one for one in later if _is_refused(one[2], deadline)), None)


def _first_visit(obj: Any, visits: _Visits) -> int:
    return visits.get(id(obj), (-1, None))[0]


def _is_refused(obj: Any, deadline: float) -> bool:
    try:
        _visit(obj, deadline, {})
    except Exception:
        return True
    return False


def _shown(steps: list[str]) -> str:
    if len(steps) > _LONGEST:
        left_out = len(steps) - 2 * _ENDS
        steps = [*steps[:_ENDS], f" ... {left_out} more ... ", *steps[-_ENDS:]]
    return "".join(steps).removeprefix(".")


# -- the parts of an object, as its pickler visits them ---------------------------------------------


def _children(obj: Any) -> Iterator[tuple[str, Any]]:
    yield from _items(obj)
    if isinstance(obj, types.FunctionType):
        yield from _variables(obj)
    elif isinstance(obj, _METHODS):
        yield ".__self__", obj.__self__
        yield ".__func__", getattr(obj, "__func__", None)
    elif isinstance(obj, functools.partial):
        yield from ((f".{name}", getattr(obj, name)) for name in ("func", "args", "keywords"))
    elif isinstance(obj, BaseException):
        yield ".args", obj.args
    yield from _attributes(obj)


def _items(obj: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(obj, dict):
        for key, value in dict.items(obj):
            yield f"[{_short(key)}]", value
            yield f"<key {_short(key)}>", key
    elif isinstance(obj, tuple) and hasattr(obj, "_fields"):
        yield from ((f".{name}", value) for name, value in zip(obj._fields, obj, strict=False))
    elif isinstance(obj, (list, tuple, deque)):
        yield from ((f"[{i}]", value) for i, value in enumerate(obj))
    elif isinstance(obj, (set, frozenset)):
        yield from ((f"<element {_short(value)}>", value) for value in obj)


def _variables(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".<nonlocal {name}>", cell.cell_contents
        except ValueError:
            pass  # not assigned yet
    for name in _global_names(function.__code__):
        if name in function.__globals__:
            yield f".<global {name}>", function.__globals__[name]
    yield from ((f".__defaults__[{i}]", value) for i, value in enumerate(function.__defaults__ or ()))
    yield from ((f".__kwdefaults__[{key!r}]", value) for key, value in (function.__kwdefaults__ or {}).items())


def _global_names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _global_names(constant)


def _attributes(obj: Any) -> Iterator[tuple[str, Any]]:
    shown = getattr(type(obj), "_names_when_pickled", {})
    for name, value in getattr(obj, "__dict__", {}).items():
        yield f".{shown.get(name, name)}", value
    for kind in type(obj).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            mangled = f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and name[-2:] != "__" else name
            if name not in ("__dict__", "__weakref__") and hasattr(obj, mangled):
                yield f".{name}", getattr(obj, mangled)


def _short(key: object) -> str:
    try:
        text = repr(key)
    except Exception:
        text = f"<{type(key).__name__}>"
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
