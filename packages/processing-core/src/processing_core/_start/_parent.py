"""This process as its children refer to it; a module of its own, because a fork needs nothing else of a preparation."""

from __future__ import annotations

import os

from processing_core import _outcome
from processing_core._current import current_process
from processing_core._native import _kernel
from processing_core._process_state import Parent

__all__ = ["parent"]


def parent() -> Parent:
    """This process, as its children refer to it."""
    member_id = _kernel.member()
    assert member_id is not None
    return current_process().name, os.getpid(), member_id, _outcome.mailbox()
