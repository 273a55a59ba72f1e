"""The life of a started process, from its birth in the family to its exit code."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from processing_core import _current, _excepthook, _exit, _logging, _outcome
from processing_core._current import Parent
from processing_core._family import shown_name
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._start import _default
from processing_core.annotations import IO, NoReturn

__all__ = ["detach_stdin", "end_forked", "exit_code", "flush_streams", "live"]

_PACKAGE = f"{__package__}."


def end_forked(body: Callable[[], int]) -> NoReturn:
    """End this process, which was made by fork, with the exit code that ``body`` returns.

    The functions that the parent registered with ``atexit`` are the parent's; those that are
    registered from here on run at the end.
    """
    code = 1
    try:
        atexit._clear()
        atexit.register(_exit.run)
        code = body() & 0xFF  # what the system keeps of it
        # Joins the threads that are no daemons, as the interpreter does at its end.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        _kernel.leave(code)
    except BaseException:
        sys.__excepthook__(*sys.exc_info())
    finally:
        flush_streams()
        os._exit(code)


def live(process: BaseProcess, parent: Parent) -> int:
    """Be ``process``: run it, end its children.

    :return: the exit code.
    """
    _current.become(process, parent)
    method = process._start_method_in_child()
    if method is not None:
        _default.force(method)
    _kernel.rename(shown_name(process.name))
    detach_stdin()
    _logging.name_records()
    code = exit_code(lambda: _run(process), parent[3], process)
    _logging.info("process exiting with exitcode %d", code)
    return code


def exit_code(function: Callable[[], object], mailbox: _outcome.Mailbox, whose: BaseProcess | str) -> int:
    """Call ``function``; the exit code that becomes of what it raises, which the parent is told, and shown.

    :param mailbox: Where the parent looks for it.
    :param whose: The process, or the name of one that could not be.
    """
    try:
        function()
    except SystemExit as stop:
        return _system_exit_code(stop)
    except BaseException as error:
        _fail(error, mailbox, whose)
        return 1
    return 0


def _fail(error: BaseException, mailbox: _outcome.Mailbox, whose: BaseProcess | str) -> None:
    error.__traceback__ = _of_program(error.__traceback__)
    try:
        _outcome.report(mailbox, error)
    except Exception as obstacle:  # no memory in the arena: the parent sees the exit code alone
        error.add_note(f"The parent process could not be told of it: {obstacle!r}")
    if isinstance(whose, str):
        _show_birth_failure(error, whose)
    else:
        _excepthook.handle(error, whose)


def _of_program(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames by which this package came to the program's code; all of it if it did not."""
    rest = traceback
    while rest is not None and rest.tb_frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        rest = rest.tb_next
    return traceback if rest is None else rest


def _show_birth_failure(error: BaseException, name: str) -> None:
    import traceback  # here, for its import takes 3 ms

    if sys.stderr is not None and not isinstance(error, KeyboardInterrupt):
        print(f"Process {name}:\n{''.join(traceback.format_exception(error))}", end="", file=sys.stderr)


def _run(process: BaseProcess) -> None:
    try:
        _logging.info("child process calling self.run()")
        process.run()
    finally:
        _exit.run()


def _system_exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code
    print(stop.code, file=sys.stderr)
    return 1


def flush_streams() -> None:
    """Write out what ``sys.stdout`` and ``sys.stderr`` hold back; what cannot be written is lost."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError, OSError):
            pass


class _State:
    def __init__(self) -> None:
        self.null: IO[str] | None = None  # what stands in the place of stdin


_state = _State()


def detach_stdin() -> None:
    """Read nothing from what the parent reads: two readers of one terminal or pipe would steal from each other."""
    if sys.stdin is None or sys.stdin is _state.null:
        return
    try:
        null = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return
    try:
        os.dup2(null, sys.stdin.fileno())
    except (AttributeError, ValueError, OSError):
        pass  # something that is no file stood in its place
    # Open as long as the process lives.
    sys.stdin = _state.null = open(null, encoding="utf-8", closefd=False)
