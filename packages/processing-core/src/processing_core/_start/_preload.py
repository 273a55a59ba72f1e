"""In a forkserver: importing the modules that the program asked for."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterable

__all__ = ["import_all"]


def import_all(module_names: Iterable[str], on_error: str) -> None:
    """Import modules, so that the children need not.

    :param on_error: what to do when that fails: nothing (``"ignore"``), for the children will meet it; or to warn of it
        (``"warn"``); or to raise (``"fail"``).
    :raises Exception: whatever an import raises, if that is wanted.
    :raises ImportWarning: instead, if the program's warnings are errors.
    """
    for name in module_names:
        try:
            importlib.import_module(name)
        except Exception as error:
            if on_error == "fail":
                raise
            if on_error == "warn":
                _warn(f"the forkserver cannot import {name!r}: {type(error).__name__}: {error}")


def _warn(message: str) -> None:
    """Show an `ImportWarning`, which Python hides by default, unless the user has chosen what is shown."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("default", ImportWarning)
        warnings.warn(message, ImportWarning, stacklevel=3)
