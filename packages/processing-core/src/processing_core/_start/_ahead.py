"""A spare of ``spawn``: an interpreter that is started before a process needs it.

Windows has no forkserver, and there a start takes long, most of it in the child's imports.  So a start leaves a spare
behind, which is at its imports, or has done them, when the next process is started::

    parent                                spare
    execute()                  ────────▶  imports, and waits for a call
    set_startup_data()
    ring(calls)                ────────▶  joins the family, and becomes the process

A spare that is not called for some seconds joins the family, too, and ends if there is nothing to do; then nothing can
be given to it any more.  So an idle program keeps none, and no start is lost.  A spare has run nothing of the program,
not even the main module, and holds no file of it.  What a program inherits and no preparation changes must be the same
as when the spare was started: else it is ended, and so it is at the end of its parent.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext, suppress

from processing_core import _exit, _lifeline
from processing_core._errors import HandleError
from processing_core._fds.descriptors import Descriptor, open_pipe, readable
from processing_core._fds.inherited import kept_private
from processing_core._lifeline import Lifeline
from processing_core._logging import sub_warning
from processing_core._native import _kernel
from processing_core._platform import READABLE, SIGKILL, Poller, ring
from processing_core._platform import close as close_descriptor
from processing_core._process import BaseProcess
from processing_core._start import _exec, _frozen, _settings
from processing_core._start._child import Child, DirectChild, kill_newborn
from processing_core._start._spawn import run_member
from processing_core._start._spawn import start as start_fresh
from processing_core.annotations import signal

if sys.platform == "win32":
    from processing_core._platform._windows import apart, streams_for, surroundings, take_streams

    def carry_code() -> object:
        """Have children import from memory, as long as what this returns is kept."""
        from processing_core._platform._windows_code import (
            Code,
        )  # here, for only a program that starts processes has it

        code = Code()
        _exec.set_imports(code.before, code.behind)
        return code
else:

    def carry_code() -> object:
        return ""

    apart = nullcontext

    def surroundings() -> object:
        """What a program inherits that no preparation changes; only Windows has spares, so that others need it not."""
        return dict(os.environ)

    def streams_for(process: int) -> list[int]:
        return []

    def take_streams(copies: Sequence[int]) -> None:
        pass


__all__ = ["keep", "main", "start"]

SPARE_NAME = "Spawn spare"
_UNUSED = 0
"""The exit code of a spare that was not called."""
_LONGEST_WAIT = 10.0
"""Seconds that a spare waits for a call."""
_MOST = 1
"""Spares. Where starts follow each other, it is at its imports while the last process is: more would be in the way."""
_IGNORED = "import _signal; _signal.signal(_signal.SIGINT, _signal.SIG_IGN)\n"
"""What a spare does first: Ctrl-C is for the program, and the spare would tell of it."""


class _State:
    def __init__(self) -> None:
        self.most = _MOST if sys.platform == "win32" else 0
        self.spares: deque[_Spare] = deque()  # taken and added by single operations, as several threads start processes
        self.ends_at_exit = False
        self.code: object = None  # from which the children import, once there is a spare


class _Spare:
    """A spare, as its parent sees it."""

    def __init__(self, inherits: object) -> None:
        self._inherits = inherits
        self._lifeline = Lifeline()
        calls, self._calls = open_pipe()
        born: list[int] = []
        try:
            with _exec.reserved(SPARE_NAME) as (member_id, token), apart(calls.fileno()):
                ends = self._lifeline.child_end(), calls.fileno()
                _exec.execute(born, __name__, member_id, token, *ends, first=_IGNORED)
            self._child = DirectChild(born[0], member_id, None)
        except BaseException:
            for pid in born:
                kill_newborn(pid)
            raise
        self._lifeline.handed_over()

    def fits(self, inherits: object) -> bool:
        """Whether a program that is started now would inherit the same."""
        return self._inherits == inherits

    def becomes(self, born: list[int], parcel: _kernel.Parcel, daemonic: bool) -> DirectChild | None:
        """Have it become the process of this startup data; ``None`` if it has ended, or is about to.

        :param born: gets its pid, even if a signal handler raises.
        """
        if self._child.poll() is not None:
            self._child.close()
            return None
        born.append(self._child.pid)
        try:
            data = daemonic, streams_for(self._child.sentinel), parcel
            _kernel.set_startup_data(_kernel.pack(data), *self._child.member_id)
        except (OSError, HandleError):
            born.clear()
            self.end()
            return None
        self._child._lifeline = self._lifeline if daemonic else None
        with suppress(OSError):  # it was ended: so this process was
            ring(self._calls.fileno())
        return self._child

    def end(self) -> None:
        """End it."""
        self._child.send_signal(SIGKILL)
        self._child.wait()
        self._child.close()


_state = _State()


def keep(most: int) -> None:
    """Keep that many spares from the next start on."""
    _state.most = most


def start(process: BaseProcess) -> Child:
    """Start ``process`` by ``spawn``, with the help of a spare, and leave another behind.

    :raises Exception: if ``process`` cannot be pickled.
    :raises OSError: if the system refuses.
    """
    child = start_fresh(process, _claimed)
    try:
        _renew()
    except BaseException:  # of a signal handler: the program cannot end a child that it does not get
        process._popen = None
        kill_newborn(child.pid)
        raise
    return child


def _claimed(born: list[int], parcel: _kernel.Parcel, daemonic: bool) -> DirectChild | None:
    """A spare that becomes the process of this startup data; ``None`` if there is none.

    :param born: gets its pid, even if a signal handler raises.
    """
    inherits = _inherited()
    if inherits is None:
        return None
    while True:
        try:
            spare = _state.spares.popleft()
        except IndexError:
            return None
        if not spare.fits(inherits):
            spare.end()
        elif (child := spare.becomes(born, parcel, daemonic)) is not None:
            return child


def _renew() -> None:
    """Start the spares that are missing; if the system refuses, there are fewer."""
    inherits = _inherited()
    if inherits is None:
        return
    if _state.most and not _state.ends_at_exit:
        _state.ends_at_exit = True
        _exit.at_exit(_end_all, priority=-100)
    while len(_state.spares) < _state.most:
        try:
            if _state.code is None:
                _state.code = carry_code()
            _state.spares.append(_Spare(inherits))
        except (OSError, MemoryError) as error:  # the next start is a fresh one, and says so if it fails, too
            sub_warning("no spare interpreter could be started: %r", error)
            return


def _inherited() -> object:
    """What a program that is started now inherits; ``None`` if it could be no spare."""
    inherited = None if _frozen.frozen() or _exit.exiting() else surroundings()
    if inherited is None:
        return None
    return inherited, _settings.executable(), _exec.interpreter_options(), _kernel.limits()


def _end_all() -> None:
    while _state.spares:
        _state.spares.pop().end()


def main(arena: int, token: int, slot: int, serial: int, lifeline: int, calls: int) -> None:
    """Run the spare; does not return."""
    for descriptor in (arena, token, lifeline, calls):
        kept_private(descriptor)
    listening = Descriptor(calls)
    if readable(listening.fileno(), _LONGEST_WAIT) and not _rung(listening):
        os._exit(_UNUSED)  # its parent has ended
    listening.close()
    _kernel.join_family(arena, token, slot, serial)
    _kernel.tombstone(serial)  # under the arena's lock: a parent that found this process waiting has done with it now
    data = _kernel.take_startup_data()
    if data is None:
        _kernel.leave(_UNUSED)
        os._exit(_UNUSED)
    daemonic, streams, parcel = _kernel.unpack(data)
    take_streams(streams)
    if daemonic:
        _lifeline.arm(lifeline)
    else:
        close_descriptor(lifeline)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_member(parcel, -1)


def _rung(calls: Descriptor) -> bool:
    """Whether what is readable is a byte, and not the end of the other side."""
    poller = Poller()
    poller.register(calls.fileno(), READABLE)
    return any(events & READABLE for _, events in poller.poll(0))
