"""What happens at every fork through Python, whether this library or other code forks.

The kernel counts the child's inherited handles and gives the child a slot. Before there is a family, the kernel does
nothing, and a child that is forked then becomes the root of its own family. The child also closes the descriptors that
only the parent may hold: a lifeline and a forkserver's control socket work because only *one* process has that end,
but a fork copies it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager

from processing_core._native import _kernel
from processing_core._platform import register_at_fork
from processing_core._threads import ThreadRLock
from processing_core.annotations import Protocol, TypeVar

__all__ = [
    "await_ending_threads",
    "forget_in_child",
    "keep_private",
    "nothing_to_forget",
    "register",
    "set_starts_process",
    "starts_process",
    "thread_ends",
    "without_forks",
]


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
        self.guard = ThreadRLock()
        self.forget: list[Callable[[], object]] = []
        self.ending_threads: list[threading.Thread] = []
        self.private_to_server: list[_Closable] | None = None  # in a forkserver: what a child closes
        self.starts_process = False


_state = _State()


def without_forks() -> AbstractContextManager[bool]:
    """A context in which no other thread of this process forks through Python."""
    return _state.guard


def starts_process() -> bool:
    """In a hook: whether this library forks, to start a process, rather than other code."""
    return _state.starts_process


def set_starts_process(starts: bool) -> None:
    """Say what a fork of this thread is for.  The caller calls this function inside ``with without_forks():``."""
    _state.starts_process = starts


def thread_ends(thread: threading.Thread) -> None:
    """Say that a thread of this library is about to end.  It must wait for nothing but ``without_forks()``.

    The caller calls this function inside ``with without_forks():``.
    """
    _state.ending_threads = [*(other for other in _state.ending_threads if other.is_alive()), thread]


def await_ending_threads() -> None:
    """Wait until the threads that are about to end have ended, so that a fork does not copy them, nor warn of them.

    A signal handler that forks in the middle of what forks wait for cannot wait.
    """
    if _state.guard._is_owned():  # type: ignore[attr-defined]
        return
    with without_forks():
        threads = _state.ending_threads
    for thread in threads:
        if thread.is_alive():
            thread.join()


def keep_private(descriptor: _T) -> _T:
    """Close ``descriptor`` in every child that this process forks, as long as it exists.

    The caller must open the descriptor and call this function inside the same ``with without_forks():``.
    """
    _state.private.add(descriptor)
    return descriptor


def forget_in_child(forget: Callable[[], object]) -> None:
    """Call ``forget`` in every child that this process forks, to drop a module's state, which belongs to the parent."""
    _state.forget.append(forget)


def nothing_to_forget() -> None:
    """In a forkserver, before it forks: call all functions of `forget_in_child` now.

    From now on the forkserver has one thread and gets no state that a child must drop. So the children need not call
    these functions, which would copy 60 pages in each child.
    """
    _forget()
    _state.private_to_server = list(_state.private)


def _after_in_child() -> None:
    _kernel.fork_in_child()
    if _state.private_to_server is not None:
        for descriptor in _state.private_to_server:
            descriptor.close()
        _state.private_to_server = None
        _state.guard.release()  # this thread acquired it
        return
    _state.guard._at_fork_reinit()  # type: ignore[attr-defined]
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
        # These are C functions where possible: if a signal handler raises in a hook, the exception and the rest of the
        # hook are lost. The hook that is registered last runs first before a fork, and last after it.
        kernel, guard = _kernel, _state.guard
        register_at_fork(
            before=kernel.fork_before, after_in_parent=kernel.fork_in_parent, after_in_child=_after_in_child
        )
        register_at_fork(before=guard.acquire, after_in_parent=guard.release)
