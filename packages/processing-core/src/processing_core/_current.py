"""Who this process is, and who its children and its parent are."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

from processing_core import _exit, _forks, _logging
from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from processing_core._process import BaseProcess
    from processing_core._relatives import ParentProcess

__all__ = [
    "Parent",
    "active_children",
    "collect_children",
    "cpu_count",
    "current_process",
    "parent_process",
    "state",
]


Parent = tuple[str, int, tuple[int, int], int]
"""A parent's name, pid and place, and the `Mailbox` where it looks for its children's failures."""


class State:
    """What this process knows of its relatives."""

    current: BaseProcess

    def __init__(self) -> None:
        self.parent: Parent | None = None
        self.parent_process: ParentProcess | None = None  # made when it is asked for
        self.children: set[BaseProcess] = set()  # started by this process, and not yet known to have ended
        self.counter: Iterator[int] = itertools.count(1)


# An object and not the class: to change a class costs every child of a fork a dozen copied pages.
state = State()


def current_process() -> BaseProcess:
    """The process that this is called in.  Does not block.

    >>> import processing
    >>> processing.current_process().name
    'MainProcess'
    """
    return state.current


def parent_process() -> ParentProcess | None:
    """The process that started this one; ``None`` in the main process.  Does not block."""
    if state.parent is None:
        return None
    if state.parent_process is None:
        from processing_core._relatives import ParentProcess

        state.parent_process = ParentProcess(*state.parent[:3])
    return state.parent_process


def active_children() -> list[BaseProcess]:
    """The children of this process that run; collects those that have ended.  Does not block."""
    collect_children()
    return list(state.children)


def cpu_count() -> int:
    """The number of CPUs of this machine; more than this process may use, perhaps.

    :raises NotImplementedError: if it cannot be found out.
    """
    count = os.cpu_count()
    if count is None:
        raise NotImplementedError("cannot determine number of cpus")
    return count


def collect_children() -> None:
    """Take the exit codes of the children that have ended."""
    for child in list(state.children):
        if child._popen is None:
            state.children.discard(child)
        else:
            child._wait(0)


def become(process: BaseProcess, parent: Parent) -> None:
    """In a child: be ``process``, without children of its own yet."""
    state.current, state.parent, state.parent_process = process, parent, None
    state.children, state.counter = set(), itertools.count(1)


def _terminate_daemons() -> None:
    for child in active_children():
        if child.daemon:
            _logging.info("calling terminate() for daemon %s", child.name)
            child.terminate()


def _join_all() -> None:
    for child in active_children():
        _logging.info("calling join() for process %s", child.name)
        child.join()


def _forget() -> None:
    # Of anybody's fork: the children are still the parent's.
    state.children = set()


_exit.set_children_functions(_terminate_daemons, _join_all)
_forks.forget_in_child(_forget)
