"""What every fork through Python does, ours or somebody else's.

The kernel counts the child's inherited handles and gives it a place of its own.  Before there is a
family that does nothing, and a child forked then is the root of its own.  And the child closes what
only this process may hold: a lifeline and a forkserver's control socket work because *one* process
holds their far end, but a fork copies it.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager

from processing_core._native import _kernel
from processing_core.annotations import Protocol, TypeVar

__all__ = ["forget_in_child", "keep_private", "nothing_to_forget", "register", "without_forks"]


class _Closable(Protocol):
    def close(self) -> object: ...


_T = TypeVar("_T", bound=_Closable)


class _State:
    def __init__(self) -> None:
        self.registered = False
        self.private: weakref.WeakSet[_Closable] = weakref.WeakSet()
        # Held from before a fork until after it, because the kernel remembers one fork at a time; and
        # between opening a private descriptor and registering it.  Reentrant: a signal handler may
        # fork.
        self.guard = threading.RLock()
        self.forget: list[Callable[[], object]] = []
        self.private_to_server: list[_Closable] | None = None  # in a forkserver: what a child closes


_state = _State()


def without_forks() -> AbstractContextManager[bool]:
    """A context in which no other thread of this process forks through Python."""
    return _state.guard


def keep_private(descriptor: _T) -> _T:
    """Close ``descriptor`` in every child that this process forks, as long as it exists.

    To be called inside ``with without_forks():``, as is the system call that opens it.
    """
    _state.private.add(descriptor)
    return descriptor


def forget_in_child(forget: Callable[[], object]) -> None:
    """Call ``forget`` in every child that this process forks: what a module knows is the parent's."""
    _state.forget.append(forget)


def nothing_to_forget() -> None:
    """In a forkserver, when it is about to fork: forget everything now.

    From now on it has one thread and learns nothing that a child must forget, so the children need not do it: that
    would copy 60 pages in each.
    """
    _forget()
    _state.private_to_server = list(_state.private)


def _before() -> None:
    _state.guard.acquire()
    _kernel.fork_before()


def _after_in_parent() -> None:
    _kernel.fork_in_parent()
    _state.guard.release()


def _after_in_child() -> None:
    _kernel.fork_in_child()
    if _state.private_to_server is not None:
        for descriptor in _state.private_to_server:
            descriptor.close()
        _state.private_to_server = None
        _state.guard.release()  # by the thread that took it
        return
    _state.guard = threading.RLock()
    for descriptor in list(_state.private):
        descriptor.close()
    _forget()


def _forget() -> None:
    for forget in _state.forget:
        forget()


def register() -> None:
    """Register the hooks, once."""
    if not _state.registered:
        _state.registered = True
        os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
