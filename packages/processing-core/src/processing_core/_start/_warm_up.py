"""What a forkserver does before it forks, so that a start costs its children less.

The system copies each page that a forked child writes to, which takes 3 to 7 us.  Code that runs for the first time
writes much: the interpreter specialises the code, fills caches, numbers versions and binds symbols; and each look at an
object counts a reference.  So the server runs what a start runs in a child a few times before it forks, and makes the
objects that it has loaded immortal, which means that references to them are not counted.
"""

from __future__ import annotations

import os
import sys
import threading
import types

from processing_core import _exit, _forks, _process_state
from processing_core._context import Process
from processing_core._native import _kernel
from processing_core._start import _preparation
from processing_core._start._spawn import run_parcel

__all__ = ["immortalize_loaded", "warm_up"]

_TIMES = 10  # the interpreter specialises code at its second run; CPython 3.11 at its eighth

# Kinds of objects whose end no program notices. Lists, sets, instances and dictionaries are not among them: a program
# may wait for the end of what they hold.
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


class _TrialProcess(Process):
    _bootstrap = Process._bootstrap  # not what a preloaded tool has put in its place, which is for children


def warm_up(prepared: _preparation.Preparation) -> None:
    """Run in the server what a start runs in a child, and undo its effects.

    The server has applied ``prepared``, and has one thread.
    """
    me = _process_state.state.current
    _forks.nothing_to_forget()
    for _ in range(_TIMES):
        _forget_threads()
        _preparation.apply_surroundings(prepared)
        process = _TrialProcess(target=os.getpid)
        changes = {"signal_mask": prepared["signal_mask"], "name": prepared["name"]}
        run_parcel(_kernel.pack((changes, _kernel.pack(process))), -1, prepared, _exit.run)
        _forks.nothing_to_forget()
        _process_state.set_current(me, prepared["parent"])


def _forget_threads() -> None:
    """Call what `threading` calls after a fork."""
    forget = getattr(threading, "_after_fork", None)
    if forget is not None:
        forget()


def immortalize_loaded() -> None:
    """Make the objects that this process has loaded immortal: references to them are not counted any more."""
    _kernel.immortalize([*sys.modules.values(), *_namespaces(object)], _KINDS, types.CodeType)


def _namespaces(root: type) -> list[object]:
    """The namespaces of all classes, which `immortalize` does not look for itself.

    Classes are told apart by identity, for a metaclass may define what equality is, and what a hash.
    """
    found, waiting = dict[int, type](), [root]
    while waiting:
        kind = waiting.pop()
        if id(kind) not in found:
            found[id(kind)] = kind
            waiting += type.__subclasses__(kind)
    return [type.__dict__["__dict__"].__get__(kind) for kind in found.values()]
