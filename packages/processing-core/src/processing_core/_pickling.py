"""Pickling: the plain protocol first, cloudpickle where that cannot serve the receiver.

Plain pickle cannot serve the receiver when it refuses (a lambda, a closure), and when it writes a
reference into a ``__main__`` that no other process can import: that of a REPL, a notebook,
``python -c``, stdin, or a package run with ``-m``.  cloudpickle is imported when first needed.
"""

import pickle
import sys
from pickle import loads as loads
from typing import Any

from processing_core import _main_module, _reducers
from processing_core._descriptors import Deposits
from processing_core._native import _kernel

__all__ = ["dumps", "loads"]

_PROTOCOL = 5

# What plain pickle raises for things that it does not know how to name.
_REFUSALS = (pickle.PicklingError, AttributeError, TypeError)


def dumps(obj: Any) -> bytes:
    """Pickle ``obj`` for any member of the family.

    Does not block; calls the code of ``obj`` (``__reduce__``, ``__getstate__``), at most twice.

    :raises Exception: whatever the pickling of ``obj`` raises, if neither way serves.
    """
    made = Deposits.made
    try:
        data = _reducers.plain(obj) if _reducers.registered() else pickle.dumps(obj, _PROTOCOL)
    except _REFUSALS:
        return _dumps_by_value(obj, made)
    except BaseException:
        _take_back(made)
        raise
    if not _main_module.importable() and b"__main__" in data:
        return _dumps_by_value(obj, made)
    return data


def _dumps_by_value(obj: Any, made: int) -> bytes:
    _take_back(made)
    try:
        data = _reducers.by_value(obj)
    except BaseException:
        _take_back(made)
        raise
    return data


def _take_back(made: int) -> None:
    """Take back the descriptors that were deposited for a pickle which is not used."""
    if Deposits.made != made:
        from processing_core import _broker

        _broker.recall(made)


# Children know the main module as ``__mp_main__``; what they pickle by that name must load here.
sys.modules.setdefault("__mp_main__", sys.modules["__main__"])

_kernel.set_pickler(dumps, loads)
