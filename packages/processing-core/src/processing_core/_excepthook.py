"""``excepthook``: what a process does with an uncaught exception, as ``threading.excepthook``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType

from processing_core._carried import formatted, traceback_of
from processing_core.annotations import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from processing_core._process import BaseProcess

__all__ = ["ExceptHookArgs", "excepthook", "handle", "offer_excepthook"]


class ExceptHookArgs(NamedTuple):
    """What :func:`excepthook` is called with."""

    exc_type: type[BaseException]
    exc_value: BaseException | None
    exc_traceback: TracebackType | None
    process: BaseProcess | None


def excepthook(args: ExceptHookArgs, /) -> None:
    """Print the exception that ended a process to its ``sys.stderr``; does nothing for :exc:`SystemExit`.

    Nor for :exc:`KeyboardInterrupt`: Ctrl-C in a terminal raises it in every process of a program, and only the main
    process shall print a traceback.

    A program may assign another function to ``processing.excepthook``, in the child, or at the top of a module that
    the child imports.  It is called in the child, before the exit functions; what it raises is printed.  The parent
    finds the exception in ``Process.exception``.  Blocks no longer than printing does.

    :param args: the exception, and the process.

    >>> import processing
    >>> def be_brief(args):
    ...     print(f"{args.process.name} failed: {args.exc_value!r}")
    >>> processing.excepthook = be_brief  # doctest: +SKIP
    """
    if issubclass(args.exc_type, (SystemExit, KeyboardInterrupt)) or sys.stderr is None:
        return
    name = "" if args.process is None else f"Process {args.process.name}:\n"
    print(name + formatted(args.exc_type, args.exc_value, args.exc_traceback), end="", file=sys.stderr)


_namespaces: list[dict[str, Any]] = []


def offer_excepthook(namespace: dict[str, Any]) -> None:
    """Let a program assign to ``excepthook`` in a module.

    :param namespace: the module's ``globals()``, which has it already.
    """
    _namespaces.append(namespace)


def handle(error: BaseException, process: BaseProcess) -> None:
    """Call the hook."""
    hook = _assigned()
    try:
        hook(ExceptHookArgs(type(error), error, traceback_of(error), process))
    except BaseException as another:
        if sys.stderr is not None:
            print("Exception in processing.excepthook:", file=sys.stderr)
            sys.__excepthook__(type(another), another, another.__traceback__)


def _assigned() -> Callable[[ExceptHookArgs], object]:
    found = (namespace.get("excepthook", excepthook) for namespace in _namespaces)
    return next((hook for hook in found if hook is not excepthook), excepthook)
