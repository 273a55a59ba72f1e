"""``spawn``: the child is a fresh interpreter, which unpickles what it has to do."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable

from processing_core import _bootstrap, _exit, _lifeline
from processing_core._fds.inherited import kept_private, unpacking
from processing_core._lifeline import Lifeline
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._start import _preparation
from processing_core._start._child import UNKNOWN_EXIT, Child, DirectChild, kill_newborn
from processing_core._start._exec import execute, reserved
from processing_core.annotations import TypeAlias

__all__ = ["Claim", "main", "run_member", "run_parcel", "start"]

Claim: TypeAlias = "Callable[[list[int], _kernel.Parcel, bool], Child | None]"
"""What has a spare become the process of the startup data; ``None`` if there is none.  It is called with the list that
gets its pid, the data, and whether the process is daemonic."""


def start(process: BaseProcess, claim: Claim | None = None) -> Child:
    """Start ``process`` in a fresh interpreter.

    :param claim: what may find one that was started ahead.
    :raises Exception: if ``process`` cannot be pickled.
    :raises OSError: if the system refuses.
    """
    _bootstrap.flush_streams()  # so that what was written before comes before what the child writes
    prepared = _preparation.prepare(process)
    born: list[int] = []
    try:
        with _preparation.packed(process, prepared) as (parcel, inherited, by_number):
            child = None
            if claim is not None and inherited < 0 and not by_number:
                child = claim(born, parcel, process.daemon)
            if child is None:
                child = _executed(born, process, parcel, inherited, by_number)
            process._popen = child
    except BaseException:  # also of a signal handler: the program cannot end a child whose pid it does not get
        process._popen = None
        for pid in born:
            kill_newborn(pid)
        raise
    return child


def _executed(
    born: list[int], process: BaseProcess, parcel: _kernel.Parcel, inherited: int, by_number: list[int]
) -> Child:
    """A fresh interpreter that becomes the process."""
    lifeline = Lifeline() if process.daemon else None
    with reserved(process.name) as (member_id, token):
        _kernel.set_startup_data(parcel, *member_id)
        end = -1 if lifeline is None else lifeline.child_end()
        execute(born, __name__, member_id, token, end, inherited, also=by_number)
    child = DirectChild(born[0], member_id, lifeline)
    if lifeline is not None:
        lifeline.handed_over()
    return child


def main(arena: int, token: int, slot: int, serial: int, lifeline: int, inherited: int) -> None:
    """Run the child; does not return."""
    for descriptor in (arena, token, lifeline):
        kept_private(descriptor)
    if lifeline >= 0:
        _lifeline.arm(lifeline)
    _kernel.join_family(arena, token, slot, serial)
    parcel = _kernel.take_startup_data()
    assert parcel is not None
    run_member(parcel, inherited)


def run_member(parcel: _kernel.Parcel, inherited: int) -> None:
    """Become the process that the parcel describes, in a fresh interpreter; does not return.

    :param inherited: The socket with the inherited descriptors, -1 for none.
    """
    code = UNKNOWN_EXIT
    try:
        code = run_parcel(parcel, inherited, {})
    finally:
        # The exit code is written to the arena after all exit functions, for a parent that cannot wait for it.
        atexit.register(_kernel.leave, code)
        _exit.watch_exit(anew=True)
    sys.exit(code)


def run_parcel(
    parcel: _kernel.Parcel,
    inherited: int,
    before: _preparation.Preparation,
    finish: Callable[[], None] = _bootstrap.finish,
) -> int:
    """Become the process that the parcel describes, and run it.

    :param inherited: The socket with the inherited descriptors, -1 for none; the child takes it over.
    :param before: The preparation that this process has applied already, so that the parcel leaves it out.
    :param finish: What to call when the process has run.
    :return: the exit code.
    """
    changes, *packed = _kernel.unpack(parcel)
    prepared: _preparation.Preparation = {**before, **changes}
    processes: list[BaseProcess] = []

    def unpack() -> None:
        _preparation.apply(changes)
        processes.append(_unpacked(packed, inherited))

    whose = prepared["name"] if prepared["reports_start_failure"] else None
    code = _bootstrap.exit_code(unpack, prepared["parent"][3], whose)
    if not processes:
        return code
    processes[0].authkey = prepared["authkey"]
    return _bootstrap.run(processes[0], prepared["parent"], finish)


def _unpacked(packed: list[_kernel.Parcel], inherited: int) -> BaseProcess:
    """The objects of the parcel, to which nothing else refers."""
    process: BaseProcess
    if inherited < 0:
        process = _kernel.unpack(packed.pop(), take=True)
    else:
        with unpacking(inherited):
            process = _kernel.unpack(packed.pop(), take=True)
    return process
