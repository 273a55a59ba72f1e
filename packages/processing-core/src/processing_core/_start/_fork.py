"""``fork``: the child is a copy of the parent.

The kernel's fork hooks make the child a member, so nothing is pickled.
"""

from __future__ import annotations

import _thread
import os
import sys
import types
import warnings

from processing_core import _bootstrap, _lifeline
from processing_core._forks import await_ending_threads, set_starts_process, without_forks
from processing_core._lifeline import Lifeline
from processing_core._loaded import loaded
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._process_state import Parent
from processing_core._start._child import UNKNOWN_EXIT, Child, DirectChild, kill_newborn
from processing_core._start._parent import parent
from processing_core.annotations import signal

__all__ = ["start"]


def start(process: BaseProcess) -> Child:
    """Start ``process`` as a copy of this one.

    :raises OSError: if the system refuses.
    """
    await_ending_threads()
    warns = process._warns_of_threads
    # A debugger may have put a function of its own in the place of `os.fork`.
    by_kernel = (_RAISES_WARNINGS or not warns) and isinstance(os.fork, types.BuiltinFunctionType)
    if by_kernel and warns:
        _warn_of_threads()
    lifeline = Lifeline() if process.daemon else None
    relation = parent()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    pid = 0
    among_threads = _thread._count() > 0
    _bootstrap.flush_streams()  # as late as possible: the child writes again what other threads write from here on
    with without_forks():
        try:
            try:
                # An exception of a signal handler must not take the child out of here, into the parent's program: so no
                # handler runs until the child is in `end_forked`, which always ends with `os._exit`.
                signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
                set_starts_process(True)
                pid = _forked() if by_kernel else os.fork()
                if pid == 0:
                    _bootstrap.end_forked(lambda: _run_child(process, relation, lifeline), mask, among_threads)
            finally:
                set_starts_process(False)
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            member_id = _kernel.forked()  # raises if the family has no slot for a child, which then ends at once
            assert member_id is not None
            process._popen = DirectChild(pid, member_id, lifeline)
        except BaseException:  # also of a signal handler: the program cannot end a child whose pid it does not get
            process._popen = None
            if pid:
                kill_newborn(pid)
            raise
    if lifeline is not None:
        lifeline.handed_over()
    return process._popen


_RAISES_WARNINGS = sys.version_info >= (3, 15)
"""Whether `os.fork` warns of threads after it has made the child; where warnings are errors it then raises."""


def _warn_of_threads() -> None:
    """Warn as `os.fork` does, but before there is a child.

    Only Python's threads are counted.  The system's number would include threads that were joined and are about to end,
    and those that a library such as OpenBLAS ends before each fork.  The interpreter has two numbers: one still counts,
    in a forked child, the threads of its parent; the other may count those that were joined.
    """
    if min(_thread._count(), len(sys._current_frames()) - 1) > 0:
        text = f"This process (pid={os.getpid()}) is multi-threaded, use of fork() may lead to deadlocks in the child."
        warnings.warn(text, DeprecationWarning, stacklevel=1)


def _forked() -> int:
    """Fork as `os.fork` does, without its warning.

    :raises OSError: if the system refuses.
    """
    sys.audit("os.fork")
    result = _kernel.fork_several(1)
    if result is None:
        return 0
    born, failure = result
    if not born:
        _kernel.forked()  # raises if the family has no slot for a child
        raise OSError(failure, os.strerror(failure))
    return born[0][0]


def _run_child(process: BaseProcess, relation: Parent, lifeline: Lifeline | None) -> int:
    set_starts_process(False)
    _leave_task()
    if _kernel.member() is None:
        return UNKNOWN_EXIT
    if lifeline is not None:
        _lifeline.arm(lifeline.keep_in_child())
    return _bootstrap.run(process, relation)


def _leave_task() -> None:
    """Leave the parent's asyncio task, if that forked; CPython 3.14.0 would enter no other task in this thread."""
    tasks = loaded("asyncio.tasks")
    if tasks is None or sys.version_info < (3, 14):
        return
    loop, set_loop = object(), tasks.events._set_running_loop
    set_loop(loop)  # only the running loop's task can be exchanged
    tasks._swap_current_task(loop, None)
    set_loop(None)
