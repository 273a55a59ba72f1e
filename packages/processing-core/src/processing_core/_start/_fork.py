"""``fork``: the child is a copy of the parent.

The kernel's fork hooks make the child a member, so nothing is pickled.
"""

from __future__ import annotations

import os

from processing_core import _bootstrap, _lifeline
from processing_core._current import Parent
from processing_core._forks import without_forks
from processing_core._lifeline import Lifeline
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._start._child import Child, DirectChild
from processing_core._start._preparation import parent

__all__ = ["start"]


def start(process: BaseProcess) -> Child:
    """Start ``process`` as a copy of this one.

    :raises OSError: if the system refuses.
    """
    _bootstrap.flush_streams()
    lifeline = Lifeline() if process.daemon else None
    relation = parent()
    with without_forks():
        pid = os.fork()
        if pid == 0:
            _bootstrap.end_forked(lambda: _live(process, relation, lifeline))
        place = _kernel.forked()
    assert place is not None
    if lifeline is not None:
        lifeline.handed_over()
    return DirectChild(pid, place, lifeline)


def _live(process: BaseProcess, relation: Parent, lifeline: Lifeline | None) -> int:
    if lifeline is not None:
        _lifeline.arm(lifeline.keep_in_child())
    return _bootstrap.live(process, relation)
