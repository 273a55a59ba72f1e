"""What happens when a member ends normally.

In this order: the exit functions of priority 0 and more, highest first; daemonic children are
terminated; all children are joined; the remaining exit functions.  Among equals, the last
registered is the first.  A forked child starts with none: they belong to the process that
registered them.

Before all that come the functions that the program has registered with `atexit` since the first
shared object or process; what it registered earlier runs when the children have ended, so that it
may remove what they use.
"""

from __future__ import annotations

import atexit
import itertools
import sys
from collections.abc import Callable

from processing_core import _forks, _logging

__all__ = ["at_exit", "exiting", "run", "run_atexit", "set_children_functions", "watch_exit"]

_Function = Callable[[], object]


class _State:
    def __init__(self) -> None:
        self.exiting = self.watched = False
        self.functions: dict[tuple[int, int], _Function] = {}
        self.counter = itertools.count(1)
        self.terminate_children: _Function = lambda: None
        self.join_children: _Function = lambda: None


# An object and not the class: to change a class costs every child of a fork a dozen copied pages.
_state = _State()


def watch_exit(*, anew: bool = False) -> None:
    """Have :func:`run` called when this process ends; later calls do nothing.

    :param anew: Registers it again, before what the program has registered with `atexit` until now.
    """
    if anew:
        atexit.unregister(run)
    if anew or not _state.watched:
        _state.watched = True
        atexit.register(run)


def at_exit(function: _Function, *, priority: int = 0) -> _Function:
    """Call ``function`` when this process ends normally; not in processes forked from it.

    Functions of priority 0 and more run before the children are joined, those below after.  An
    exception in one is printed and does not keep the others from running.

    :return: a function that takes the registration back; calling it again does nothing.
    """
    watch_exit()
    key = (priority, next(_state.counter))
    functions = _state.functions
    functions[key] = function
    return lambda: functions.pop(key, None)


def set_children_functions(terminate: _Function, join: _Function) -> None:
    """Install what terminates the daemonic children, and what joins all of them."""
    _state.terminate_children = terminate
    _state.join_children = join


def run() -> None:
    """Run the exit functions and end the children; blocks until they have ended."""
    if not _state.exiting:
        _state.exiting = True
        _logging.info("process shutting down")
    _run_functions(lowest=0)
    _state.terminate_children()
    _state.join_children()
    _run_functions(lowest=None)


def run_atexit() -> None:
    """Run what the program has registered with `atexit`; :func:`run` is not called, and stays registered."""
    atexit.unregister(run)
    atexit._run_exitfuncs()
    atexit.register(run)


def exiting() -> bool:
    """Whether this process has begun to end."""
    return _state.exiting


def _run_functions(lowest: int | None) -> None:
    while True:
        ready = [key for key in list(_state.functions) if lowest is None or key[0] >= lowest]
        if not ready:
            return
        function = _state.functions.pop(max(ready), None)
        try:
            if function is not None:
                function()
        except Exception:
            sys.__excepthook__(*sys.exc_info())  # as `traceback` prints it, whose import takes 2.5 ms


def _forget() -> None:
    _state.functions, _state.exiting = {}, False


_forks.forget_in_child(_forget)
atexit.register(run)  # for what is first used while the program's own functions run
