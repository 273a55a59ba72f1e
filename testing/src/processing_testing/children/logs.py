"""What children log, warn of and print."""

from __future__ import annotations

import logging
import os
import sys
import warnings

import processing_core
from processing_testing.children import killing


class Unpicklable:
    """Has a repr, and no pickle."""

    def __repr__(self) -> str:
        return "<unpicklable>"

    def __reduce__(self) -> str:
        raise TypeError("not to be pickled")


class PicklesOneWay:
    """Can be pickled, and not be unpickled."""

    def __repr__(self) -> str:
        return "<one way>"

    def __reduce__(self) -> tuple[object, ...]:
        return _refuse, ()


def _refuse() -> None:
    raise ValueError("not to be unpickled")


def log(logger: str, level: int, message: str, *args: object) -> None:
    """Log one record."""
    logging.getLogger(logger).log(level, message, *args)


def log_strange_things() -> None:
    """Log what cannot be sent as it is."""
    logging.warning("a %s b", Unpicklable())
    logging.warning("c %s d", PicklesOneWay(), extra={"number": 5, "what": Unpicklable()})
    try:
        raise KeyError("inner")
    except KeyError:
        logging.exception("failed")


def log_many(number: int) -> None:
    """Log numbered records."""
    for i in range(number):
        logging.warning("%d", i)


def warn() -> None:
    """Warn."""
    warnings.warn("careful", UserWarning, stacklevel=1)


def log_and_crash(how: str) -> None:
    """Log, and end by a signal."""
    logging.warning("last words")
    if how == "segfault":
        killing.crash()
    killing.kill(os.getpid())


def log_in_child(method: str) -> None:
    """Have a child of this process log, and wait for it."""
    child = processing_core.get_context(method).Process(target=log, args=("grandchild", logging.WARNING, "deep"))
    child.start()
    child.join()


def print_lines(number: int) -> None:
    """Print whole lines, a long one, and one without an end."""
    print(f"out {number}")
    print(f"err {number}", file=sys.stderr)
    print(str(number) * 10_000)
    print("no end", end="")
