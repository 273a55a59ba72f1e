"""Who this process is, and who its children and its parent are."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

from processing_core import _exit, _logging
from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from processing_core._process import BaseProcess
    from processing_core._relatives import ParentProcess

__all__ = [
    "State",
    "active_children",
    "collect_children",
    "cpu_count",
    "current_process",
    "parent_process",
]


class State:
    """What this process knows of its relatives."""

    current: BaseProcess
    parent: ParentProcess | None = None
    children: set[BaseProcess] = set()  # started by this process, and not yet known to have ended
    counter: Iterator[int] = itertools.count(1)


def current_process() -> BaseProcess:
    """The process that this is called in.  Does not block.

    >>> import processing
    >>> processing.current_process().name
    'MainProcess'
    """
    return State.current


def parent_process() -> ParentProcess | None:
    """The process that started this one; ``None`` in the main process.  Does not block."""
    return State.parent


def active_children() -> list[BaseProcess]:
    """The children of this process that run; collects those that have ended.  Does not block."""
    collect_children()
    return list(State.children)


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
    for child in list(State.children):
        if child._popen is None:
            State.children.discard(child)
        else:
            child._wait(0)


def become(process: BaseProcess, parent: ParentProcess) -> None:
    """In a child: be ``process``, without children of its own yet."""
    State.current, State.parent = process, parent
    State.children, State.counter = set(), itertools.count(1)


def _terminate_daemons() -> None:
    for child in active_children():
        if child.daemon:
            _logging.info("calling terminate() for daemon %s", child.name)
            child.terminate()


def _join_all() -> None:
    for child in active_children():
        _logging.info("calling join() for process %s", child.name)
        child.join()


def _after_fork_in_child() -> None:
    # Of anybody's fork: the children are still the parent's.
    State.children = set()


_exit.set_children_functions(_terminate_daemons, _join_all)
os.register_at_fork(after_in_child=_after_fork_in_child)
