"""``spawn``: the child is a fresh interpreter, which unpickles what it has to do."""

from __future__ import annotations

import sys

from processing_core import _bootstrap, _lifeline
from processing_core._lifeline import Lifeline
from processing_core._luggage import unpacking
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._start import _preparation
from processing_core._start._child import Child, DirectChild
from processing_core._start._exec import execute, reserved

__all__ = ["main", "run_parcel", "start"]


def start(process: BaseProcess) -> Child:
    """Start ``process`` in a fresh interpreter.

    :raises Exception: if ``process`` cannot be pickled.
    :raises OSError: if the system refuses.
    """
    lifeline = Lifeline() if process.daemon else None
    prepared = _preparation.prepare(process)
    with _preparation.packed(process, prepared) as (parcel, luggage), reserved(process.name) as (place, token):
        _kernel.give(parcel, *place)
        end = -1 if lifeline is None else lifeline.child_end()
        pid = execute(__name__, place, token, end, luggage)
    if lifeline is not None:
        lifeline.handed_over()
    return DirectChild(pid, place, lifeline)


def main(arena: int, token: int, slot: int, serial: int, lifeline: int, luggage: int) -> None:
    """What the child does."""
    if lifeline >= 0:
        _lifeline.arm(lifeline)
    _kernel.adopt(arena, token, slot, serial)
    parcel = _kernel.inheritance()
    assert parcel is not None
    sys.exit(run_parcel(parcel, luggage, {}))


def run_parcel(parcel: _kernel.Parcel, luggage: int, before: _preparation.Preparation) -> int:
    """Become the process that the parcel describes, and run it.

    :param luggage: This end of the luggage, -1 for none; taken over.
    :param before: What this process has taken over already, so that the parcel need not tell.
    :return: the exit code.
    """
    changes, *packed = _kernel.unpack(parcel)
    prepared: _preparation.Preparation = {**before, **changes}
    processes: list[BaseProcess] = []

    def unpack() -> None:
        _preparation.apply(changes)
        processes.append(_unpacked(packed, luggage))

    code = _bootstrap.exit_code(unpack, prepared["parent"][3], prepared["name"])
    if not processes:
        return code
    processes[0].authkey = prepared["authkey"]
    return _bootstrap.live(processes[0], prepared["parent"])


def _unpacked(packed: list[_kernel.Parcel], luggage: int) -> BaseProcess:
    """What is in the parcel, which nobody else refers to."""
    process: BaseProcess
    if luggage < 0:
        process = _kernel.unpack(packed.pop(), take=True)
    else:
        with unpacking(luggage):
            process = _kernel.unpack(packed.pop(), take=True)
    return process
