"""What a forkserver does before it forks, so that a start costs its children less.

What a forked child writes to is copied, a page at a time, at 3 to 7 us, and everything that runs for the first time
writes: the interpreter specialises code, fills caches, numbers versions, binds symbols; and whoever looks at an object
counts a reference.  So the server lives the life of a child some times before it forks, and makes immortal what it has
loaded.
"""

from __future__ import annotations

import os
import sys
import threading
import types

from processing_core import _current, _forks
from processing_core._context import Process
from processing_core._native import _kernel
from processing_core._start import _preparation
from processing_core._start._spawn import run_parcel

__all__ = ["rehearse", "share_for_ever"]

_TIMES = 10  # the interpreter specialises code at its second run; CPython 3.11 at its eighth

# Whose end nobody notices. Lists, sets, instances and dictionaries are not among them: a program may wait for the end
# of what they hold.
_KINDS = (
    str,
    bytes,
    int,
    float,
    complex,
    tuple,
    frozenset,
    property,
    classmethod,
    staticmethod,
    types.BuiltinFunctionType,
    types.CellType,
    types.ClassMethodDescriptorType,
    types.CodeType,
    types.FunctionType,
    types.GetSetDescriptorType,
    types.MappingProxyType,
    types.MemberDescriptorType,
    types.MethodDescriptorType,
    types.ModuleType,
    types.WrapperDescriptorType,
)


def rehearse(prepared: _preparation.Preparation) -> None:
    """Run, in the server, what a start runs in a child; nothing is left of it.

    The server has taken ``prepared`` over, and has one thread.
    """
    me = _current.state.current
    _forks.nothing_to_forget()
    for _ in range(_TIMES):
        _forget_threads()
        process = Process(target=os.getpid)
        changes = {"signal_mask": prepared["signal_mask"], "name": prepared["name"]}
        run_parcel(_kernel.pack((changes, _kernel.pack(process))), -1, prepared)
        _forks.nothing_to_forget()
        _current.become(me, prepared["parent"])


def _forget_threads() -> None:
    """What `threading` does after a fork."""
    forget = getattr(threading, "_after_fork", None)
    if forget is not None:
        forget()


def share_for_ever() -> None:
    """Make immortal what this process has loaded."""
    _kernel.immortalize([*sys.modules.values(), *_namespaces(object)], _KINDS, types.CodeType)


def _namespaces(root: type) -> list[object]:
    """Those of all classes; the immortals are not searched for them."""
    found, waiting = set[type](), [root]
    while waiting:
        kind = waiting.pop()
        if kind not in found:
            found.add(kind)
            waiting += type.__subclasses__(kind)
    return [vars(kind) for kind in found]
