"""What this process knows of itself, its parent and its children."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from processing_core import _exit, _forks, _logging
from processing_core.annotations import Any

__all__ = ["Parent", "collect_children", "running_children", "set_current", "state"]

Parent = tuple[str, int, tuple[int, int], int]
"""A parent's name, pid and (slot, serial), and the `Mailbox` where it looks for its children's failures."""


class State:
    """What this process knows of itself, its parent and its children."""

    current: Any  # a `BaseProcess`, as the processes below; that class, and those derived from it, stand above this

    def __init__(self) -> None:
        self.parent: Parent | None = None
        self.parent_process: Any = None  # made when it is asked for
        self.children: set[Any] = set()  # started by this process, and not yet known to have ended
        self.counter: Iterator[int] = itertools.count(1)
        self.body: Callable[[], int] | None = None  # of a child: what `BaseProcess._bootstrap` is to do


# An object and not the class: to change a class costs every child of a fork a dozen copied pages.
state: State = State()


def running_children() -> list[Any]:
    """The children of this process that run; collects those that have ended.  Does not block."""
    collect_children()
    return list(state.children)


def collect_children() -> None:
    """Take the exit codes of the children that have ended."""
    for child in list(state.children):
        started = child._popen  # read once: another thread may close the process
        if started is None:
            state.children.discard(child)
        else:
            child._wait(started, 0)


def set_current(process: Any, parent: Parent) -> None:
    """In a child: make ``process`` the current process, which has no children yet."""
    state.current, state.parent, state.parent_process = process, parent, None
    state.children, state.counter = set(), itertools.count(1)


def _terminate_daemons() -> None:
    for child in running_children():
        if child.daemon:
            _logging.info("calling terminate() for daemon %s", child.name)
            child.terminate()


def _join_all() -> None:
    for child in running_children():
        _logging.info("calling join() for process %s", child.name)
        child.join()


def _forget() -> None:
    # Also after a fork that the program made itself: the children remain the parent's.
    state.children = set()


_exit.set_children_functions(_terminate_daemons, _join_all)
_forks.forget_in_child(_forget)
_logging.set_process_name(lambda: str(state.current.name))
