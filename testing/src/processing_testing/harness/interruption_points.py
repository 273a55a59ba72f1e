"""An exception at every point where a signal handler may raise one.

The interpreter runs signal handlers at a few points only: at the beginning of a function, where a generator is resumed,
after a call of a C function has returned, and where a loop jumps back.  `Interrupter` traces every bytecode, counts
these points in the frames of our packages, and raises at a given point, as a handler would.  So a test can interrupt a
call at each of its points in turn, rather than by chance.  Finalizers and fork hooks are left out: the interpreter
discards what is raised there.
"""

from __future__ import annotations

import dis
import os
import signal
import sys
import weakref
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from processing_testing.children.interrupting import Interrupt

__all__ = ["Interrupter", "count_points", "each_point"]

NAMES = ("processing", *(f"processing_{part}" for part in ("core", "sync", "queues", "managers", "pool")))
PACKAGES = tuple(str(Path(spec.origin).parent) for spec in map(find_spec, NAMES) if spec and spec.origin)

CHECKS = ("CALL", "JUMP_BACKWARD", "RESUME")
"""The instructions after which the interpreter looks for signals, by the beginning of their names.

Not `PRECALL` of CPython 3.11: its quickened forms make the call and look after it, where `CALL` stands for them; the
one that a tracer sees only prepares the call, and no handler can raise between it and the function.
"""

NOT_CHECKS = "CALL_INTRINSIC"
"""The beginning of names of instructions after which it does not, although `CHECKS` has them too."""

DISCARDING = {"__del__", "_after_in_child", "_before_fork"}
"""Functions whose exceptions the interpreter discards."""

FINALIZER = weakref.finalize.__call__.__code__

MOST = 20_000
"""The most points of one call; a call with more is taken for one that does not end."""

TRIES = 4
"""How often the call is repeated until it reaches a point that was counted before."""

Tracer = Callable[[FrameType, str, Any], Any]
"""What `sys.settrace` takes."""

_checking: dict[CodeType, frozenset[int]] = {}
_resumes: dict[CodeType, list[int]] = {}
_handlers: dict[CodeType, list[tuple[int, int, int]]] = {}


def _instructions(code: CodeType) -> frozenset[int]:
    """The offsets of the code's instructions after which signals are looked for."""
    known = _checking.get(code)
    if known is None:
        names = ((one.offset, one.opname) for one in dis.get_instructions(code))
        found = [offset for offset, name in names if name.startswith(CHECKS) and not name.startswith(NOT_CHECKS)]
        known = _checking[code] = frozenset(found)
    return known


def _resumed(code: CodeType, offset: int) -> int:
    """The offset of the RESUME that comes last before an instruction, -1 if none does."""
    found = _resumes.get(code)
    if found is None:
        found = _resumes[code] = [one.offset for one in dis.get_instructions(code) if one.opname.startswith("RESUME")]
    return max((one for one in found if one < offset), default=-1)


def _handler(code: CodeType, offset: int) -> int | None:
    """The offset of the handler that runs if the instruction at this offset raises."""
    known = _handlers.get(code)
    if known is None:
        entries = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
        known = _handlers[code] = [(entry.start, entry.end, entry.target) for entry in entries]
    return next((target for start, end, target in known if start <= offset < end), None)


class Interrupter:
    """Runs a call, and raises at one of its points.

    :param point: the number of the point, from 1.
    """

    def __init__(self, point: int) -> None:
        self.point, self.count = point, 0
        self._pid = os.getpid()  # a forked child is traced too, but must not be interrupted
        self.where = ""

    @property
    def raised(self) -> bool:
        """Whether it raised."""
        return self.count >= self.point

    def run(self, call: Callable[[], object]) -> Any:
        """Make the call, and return what it returns.

        :raises Interrupt: if the point was reached, unless the call caught the exception.
        """
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            return call()
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGES):
            return None
        counts = not self.raised and os.getpid() == self._pid and not _is_discarded(frame)
        return _follow(frame, self._counter(frame) if counts else _ignore)

    def _counter(self, frame: FrameType) -> Tracer:
        """What traces a call, and counts its points."""
        checking, last = _instructions(frame.f_code), -1

        def step(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal last
            if event == "opcode" and not self.raised:
                # A signal handler raises as if the last instruction did, but the tracer raises in the next instruction.
                # If that is in another `try` or `with`, the effect would differ, so the point is left out.
                here = frame.f_lasti
                if last < 0:  # some versions do not trace the instruction that begins a function or resumes a generator
                    last = _resumed(frame.f_code, here)
                same = last in checking and _handler(frame.f_code, last) == _handler(frame.f_code, here)
                if same and os.getpid() == self._pid and not _are_signals_blocked():
                    self._pass(frame)
                last = frame.f_lasti
            return step

        return step

    def _pass(self, frame: FrameType) -> None:
        self.count += 1
        if self.count == self.point:
            self.where = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
            raise Interrupt(self.where)


def _follow(frame: FrameType, tracer: Tracer) -> Tracer:
    """Have each bytecode of a call that begins told to a tracer.

    The tracer comes first: without one, CPython from 3.13 on traces bytecodes from the function's next call on.
    """
    frame.f_trace = tracer
    frame.f_trace_opcodes, frame.f_trace_lines = True, False
    return tracer


def _ignore(frame: FrameType, event: str, arg: object) -> Any:
    """Trace a call of which no point counts: a function that ran untraced would lose points in its next call."""
    return _ignore


def _are_signals_blocked() -> bool:
    """Whether this thread blocks signals, so that no handler runs: a program that is traced has no other thread."""
    if not hasattr(signal, "pthread_sigmask"):
        return False  # no signal is ever blocked
    return signal.SIGALRM in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def _is_discarded(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name in DISCARDING or frame.f_code is FINALIZER:
            return True
        frame = frame.f_back
    return False


def each_point(call: Callable[[], object], stride: int = 1, first: int = 1) -> Iterator[Interrupter]:
    """Interrupt a call at one point after the other; the caller checks the state after each.

    :param call: what to interrupt; it must be possible to call it many times.
    :param stride: the distance from one point to the next.
    :param first: the first point.
    :raises AssertionError: if the call caught the interruption, or has too many points.
    """
    total = count_points(call)
    assert total < MOST, "there is no end of points"
    for point in range(first, total + 1, stride):
        yield _interrupted(call, point)
    yield _interrupted(call, total + 1, tries=1)


def _interrupted(call: Callable[[], object], point: int, tries: int = TRIES) -> Interrupter:
    """Repeat the call until it reaches the point: CPython 3.12 traces what ran untraced from its next call on."""
    interrupter = Interrupter(point)
    try:
        interrupter.run(call)
    except Interrupt:
        return interrupter
    assert not interrupter.raised, f"the interruption was swallowed: {interrupter.where}"
    return interrupter if tries == 1 else _interrupted(call, point, tries - 1)


def count_points(call: Callable[[], object]) -> int:
    """How many points a call has.

    In CPython 3.12 a function's bytecodes are traced from its second call on, so it is called until the number is the
    same twice.
    """
    before = -1
    while True:
        counter = Interrupter(sys.maxsize)
        counter.run(call)
        if counter.count == before:
            return before
        before = counter.count
