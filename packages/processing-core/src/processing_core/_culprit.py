"""What kept an object from being pickled, and where in the object it stands.

Looked for only when the pickling has failed, by pickling once more and noting what the pickler visits, depth first,
until it refuses.  Then a walk leads from the object down to the culprit.  It turns to the child that was visited last,
for the earlier ones were finished by then, and so tries one child of a thousand; unless that one was finished too, as
a part of one before it: pickled by itself it is not refused, and the next is tried.
"""

from __future__ import annotations

import functools
import pickle
import types
from collections import deque
from collections.abc import Iterator

from processing_core import _reducers
from processing_core._errors import NotPicklableError
from processing_core.annotations import Any

__all__ = ["explain", "path_to_culprit"]

_REFUSALS = (pickle.PicklingError, TypeError, AttributeError)
"""What pickle raises for things that it does not know how to name; not what derives from these."""

_LONGEST = 12  # steps of a path that is shown whole
_ENDS = 5
_WIDEST = 40  # characters of a key

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})

_METHODS = (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType)

_Visits = dict[int, tuple[int, Any]]
"""By ``id``: the number of the first visit, and the object, kept so that the ``id`` stays its own."""


def explain(error: BaseException, obj: Any) -> NotPicklableError | None:
    """Tell where in ``obj`` stands what made its pickling raise ``error``: in the error to raise instead, or in a note.

    Calls the object's own code (``__reduce__``, ``__getstate__``) a few times.

    :return: what to raise instead, with ``error`` as its cause; ``None`` if ``error`` is not one of pickle's own, and
        is to be raised as it is.
    """
    if not isinstance(error, Exception) or isinstance(error, MemoryError):
        return None
    try:
        path = path_to_culprit(obj)
    except Exception:  # of the object's own code, while it is looked at: the first error counts
        path = ""
    if type(error) in _REFUSALS:
        return NotPicklableError(path, str(error))
    if path:
        error.add_note(f"raised while pickling {path}")
    return None


def path_to_culprit(obj: Any) -> str:
    """Where in ``obj`` stands what cannot be pickled, like ``args[0].session.lock``.

    Calls the object's own code.

    :return: the empty string if it is ``obj`` itself, or if ``obj`` can be pickled.
    """
    visits: _Visits = {}
    try:
        _reducers.visit_by_value(obj, lambda visited: _note(visits, visited))
    except Exception:
        return _shown(list(_walk(obj, visits)))
    return ""


def _note(visits: _Visits, obj: Any) -> None:
    if type(obj) not in _ATOMS:
        visits.setdefault(id(obj), (len(visits), obj))


def _walk(obj: Any, visits: _Visits) -> Iterator[str]:
    """The steps from ``obj`` down to the culprit, as far as they have names."""
    at = _first_visit(obj, visits)
    while True:
        later = [(_first_visit(child, visits), step, child) for step, child in _children(obj)]
        later = sorted((one for one in later if one[0] > at), key=lambda one: one[0], reverse=True)
        below = next((one for one in later if _is_refused(one[2])), None)
        if below is None:
            return
        at, step, obj = below
        yield step


def _first_visit(obj: Any, visits: _Visits) -> int:
    return visits.get(id(obj), (-1, None))[0]


def _is_refused(obj: Any) -> bool:
    try:
        _reducers.visit_by_value(obj)
    except Exception:
        return True
    return False


def _shown(steps: list[str]) -> str:
    if len(steps) > _LONGEST:
        left_out = len(steps) - 2 * _ENDS
        steps = [*steps[:_ENDS], f" ... {left_out} more ... ", *steps[-_ENDS:]]
    return "".join(steps).removeprefix(".")


# -- what an object consists of, as its pickler sees it ---------------------------------------------


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
