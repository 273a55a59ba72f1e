"""Reducers for types of libraries that the program has imported: what they copy into their pickles goes out of band.

The pickles of NumPy, pandas and pyarrow have their data out of band by themselves.  PyTorch and polars write theirs
into bytes objects, of which the receiver makes the next copies.  No library is imported here: its types are looked up
when `sys.modules` has grown, so that programs without these libraries pay for one comparison of lengths.

These reducers count for what `_pickling.pieces` makes, which members of the family receive; what is pickled into bytes
may be meant for a program without this package. A reducer that the program has registered is preferred.
"""

from __future__ import annotations

import _pickle as pickle
import copyreg
import sys
from collections.abc import Callable
from importlib import import_module

from processing_core.annotations import Any, TypeAlias

__all__ = ["Reducers", "apply", "look", "seen"]

Reducers: TypeAlias = "dict[type[Any], Callable[[Any], Any]]"

_LIBRARIES = {"torch": "processing_core._tensors", "polars": "processing_core._frames"}
"""The modules of ours that have their reducers."""

_set_table: Callable[[Any, Any], None] = pickle.Pickler.__dict__["dispatch_table"].__set__


class _Seen:
    """What was found when `sys.modules` was looked at last.

    Each attribute is replaced as a whole, because threads read them without a lock; two threads that look at once find
    the same.
    """

    __slots__ = ("modules", "registered", "table")

    def __init__(self) -> None:
        self.modules = 0  # how many there were; -1 if one of the libraries was not wholly imported
        self.table: Reducers = {}
        self.registered: Reducers = {}  # by the program, with `copyreg`; in the tables of picklers that have our table


seen = _Seen()
_found: set[str] = set()


def look() -> bool:
    """Find the libraries that were imported since the last look.  Does not block.

    :return: whether picklers that were made before are outdated.
    """
    modules = len(sys.modules)
    table = dict(seen.table)
    for library in [name for name in _LIBRARIES if name not in _found and sys.modules.get(name) is not None]:
        reducers: Reducers | None = import_module(_LIBRARIES[library]).reducers(sys.modules[library])
        if reducers is None:
            modules = -1
        else:
            table.update(reducers)
            _found.add(library)
    outdated = bool(table) and (len(table) > len(seen.table) or seen.registered != copyreg.dispatch_table)
    seen.table, seen.registered, seen.modules = table, dict(copyreg.dispatch_table), modules
    return outdated


def apply(pickler: Any) -> None:
    """Have a pickler use the reducers that were found, except for types for which it has reducers of its own."""
    table = {**seen.table, **getattr(pickler, "dispatch_table", copyreg.dispatch_table)}
    if isinstance(pickler, pickle.Pickler):
        _set_table(pickler, table)  # not by an assignment, which an attribute of its class may hide from the C code
    else:
        pickler.dispatch_table = table
