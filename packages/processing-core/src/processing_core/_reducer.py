"""What contexts offer as their ``reducer``."""

from __future__ import annotations

import _pickle as pickle
from importlib import import_module

from processing_core import _reducers
from processing_core.annotations import Any

__all__ = ["get", "use"]


class _State:
    chosen: Any = None


_state = _State()


def get() -> Any:
    """The module or object that pickles for other processes."""
    return _state.chosen or import_module("processing_core.reduction")


def use(reduction: Any) -> None:
    """Let its ``ForkingPickler`` pickle what goes to other processes; ``None`` for the module's again.

    :raises AttributeError: if it has none.
    :raises TypeError: if that is no class derived from `pickle.Pickler`.
    """
    pickler = _reducers.ForkingPickler if reduction is None else reduction.ForkingPickler
    if not isinstance(pickler, type) or not issubclass(pickler, pickle.Pickler):
        raise TypeError(f"ForkingPickler of {reduction!r} must be a class derived from pickle.Pickler, not {pickler!r}")
    _reducers.use(pickler)
    _state.chosen = reduction
