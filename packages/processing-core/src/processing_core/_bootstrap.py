"""What a started process runs, from the moment when it is a member of the family to its exit code."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import TracebackType

from processing_core import _excepthook, _exit, _logging, _outcome, _process_state
from processing_core._carried import add_note, text_of, traceback_of, with_traceback
from processing_core._family import shown_name
from processing_core._fds.descriptors import open_file
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._process_state import Parent
from processing_core._start import _default
from processing_core._start._abandoned import free_abandoned
from processing_core.annotations import IO, NoReturn, signal

__all__ = ["detach_stdin", "end_forked", "exit_code", "finish", "flush_streams", "run"]

_PACKAGE = f"{__package__}."


def end_forked(body: Callable[[], int], mask: Iterable[int] | None = None, among_threads: bool = False) -> NoReturn:
    """End this process, which was made by fork, with the exit code that ``body`` returns.

    The process ends even if a signal handler raises, at whatever point: it never returns into the program that was
    forked.  Functions that the parent registered with ``atexit`` do not run here; those that are registered from now on
    run at the end.

    :param mask: The signals to block from now on, if all are blocked at present.
    :param among_threads: Whether the parent may have had other threads as it forked.
    """
    code = 1
    try:
        if among_threads:
            free_abandoned()
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _know_thread()
        atexit._clear()
        _exit.watch_exit(anew=True)
        code = body() & 0xFF  # what the system keeps of it
        # Joins the threads that are no daemons, as the interpreter does at its end.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        code = code or _unwritten()
        _kernel.leave(code)
    except BaseException:
        sys.__excepthook__(*sys.exc_info())
    finally:
        try:
            flush_streams()
        finally:
            os._exit(code)


def _unwritten() -> int:
    """Flush ``sys.stdout`` and ``sys.stderr``.

    :return: the exit code: 1 if the system took no more, for then text of the program is lost.
    """
    code = 0
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError):
            pass  # there is none, or it is closed
        except Exception:
            code = 1
            sys.__excepthook__(*sys.exc_info())
    return code


def _know_thread() -> None:
    """Correct the main thread's ``native_id``: `threading` still has the one of the parent's thread."""
    set_native_id = getattr(threading.main_thread(), "_set_native_id", None)
    if set_native_id is not None:  # where the system has such ids
        set_native_id()


def finish() -> None:
    """Wait for the threads that are no daemons, run what the program registered with `atexit`, and end the children.

    In this order, as the interpreter does it, because threads and functions may use what ends with the children.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    _exit.run_atexit()
    _exit.run()


def run(process: BaseProcess, parent: Parent, finish: Callable[[], None] = finish) -> int:
    """Run ``process`` in this process, and end its children.

    This calls the method `_bootstrap`, which tools wrap that measure what a child does.

    :param finish: What to call when it has run.
    :return: the exit code.
    """
    _process_state.state.body = partial(_run, process, parent, finish)
    return process._bootstrap()


def _run(process: BaseProcess, parent: Parent, finish: Callable[[], None]) -> int:
    _process_state.set_current(process, parent)
    method = process._start_method_in_child()
    if method is not None:
        _default.force(method)
    _kernel.rename(shown_name(process.name))
    detach_stdin()
    _logging.name_records()
    if process._logs is not None:
        process._logs.begin()
        process._logs = None
    with _observed():
        code = exit_code(lambda: _call_run(process), parent[3], process)
        code = exit_code(finish, parent[3], process) or code
    _logging.info("process exiting with exitcode %d", code)
    return code


def _observed() -> AbstractContextManager[object]:
    """Records what the process does in the body, if there is a trace."""
    if "PROCESSING_TRACE_DIRECTORY" not in os.environ:
        return nullcontext()
    from processing_core.tracing import recorded  # here, for few programs are traced

    return recorded()


def exit_code(function: Callable[[], object], mailbox: _outcome.Mailbox, whose: BaseProcess | str | None) -> int:
    """Call ``function``, and turn what it raises into an exit code.

    What it raises is sent to the parent and printed on ``sys.stderr``.

    :param mailbox: Where the parent looks for it.
    :param whose: The process, or the name of one that could not be unpickled; ``None`` to print nothing, because the
        parent's own error will have it as its cause.
    """
    try:
        function()
    except SystemExit as stop:
        if whose is None and isinstance(stop.code, str):
            _fail(stop, mailbox, whose)
            return 1
        return _system_exit_code(stop)
    except BaseException as error:
        _fail(error, mailbox, whose)
        return 1
    return 0


def _fail(error: BaseException, mailbox: _outcome.Mailbox, whose: BaseProcess | str | None) -> None:
    with_traceback(error, _of_program(traceback_of(error)))
    try:
        _outcome.report(mailbox, error)
    except Exception as obstacle:  # no memory in the arena: the parent sees the exit code alone
        add_note(error, f"The parent process could not be told of it: {obstacle!r}")
    if isinstance(whose, str):
        _show_start_failure(error, whose)
    elif whose is not None:
        _excepthook.handle(error, whose)


def _of_program(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of this package before the program's code; all of it if it has no others."""
    rest = traceback
    while rest is not None and rest.tb_frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        rest = rest.tb_next
    return traceback if rest is None else rest


def _show_start_failure(error: BaseException, name: str) -> None:
    if sys.stderr is not None and not isinstance(error, KeyboardInterrupt):
        print(f"Process {name}:\n{text_of(error)}", end="", file=sys.stderr)


def _call_run(process: BaseProcess) -> None:
    _logging.info("child process calling self.run()")
    process.run()


_LONG = 1 << 63
"""What a C long is less than."""


def _system_exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code if -_LONG <= stop.code < _LONG else -1  # as the interpreter does
    print(stop.code, file=sys.stderr)
    return 1


def flush_streams() -> None:
    """Flush ``sys.stdout`` and ``sys.stderr``; text that cannot be written is lost."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError, OSError):
            pass


class _State:
    def __init__(self) -> None:
        self.null: IO[str] | None = None  # what `detach_stdin` has set as stdin


_state = _State()


def detach_stdin() -> None:
    """Replace ``sys.stdin`` by ``/dev/null``, because two processes would steal input from each other."""
    if sys.stdin is None or sys.stdin is _state.null:
        return
    try:
        null = open_file(os.devnull, os.O_RDONLY)
    except OSError:
        return
    try:
        os.dup2(null, sys.stdin.fileno())
    except Exception:
        pass  # it is an object of the program's, without a descriptor
    # Open as long as the process lives.
    sys.stdin = _state.null = open(null, encoding="utf-8", closefd=False)
