"""Logging, finalizers and hooks of forks."""

from __future__ import annotations

from processing_core import DEBUG as DEBUG
from processing_core import INFO as INFO
from processing_core import NOTSET as NOTSET
from processing_core import SUBDEBUG as SUBDEBUG
from processing_core import SUBWARNING as SUBWARNING
from processing_core import get_logger as get_logger
from processing_core import log_to_stderr as log_to_stderr
from processing_core.lowlevel import Finalize as Finalize
from processing_core.lowlevel import debug as debug
from processing_core.lowlevel import exiting as is_exiting
from processing_core.lowlevel import info as info
from processing_core.lowlevel import register_after_fork as register_after_fork
from processing_core.lowlevel import sub_debug as sub_debug
from processing_core.lowlevel import sub_warning as sub_warning

__all__ = [
    "get_logger",
    "log_to_stderr",
    "sub_debug",
    "debug",
    "info",
    "sub_warning",
    "NOTSET",
    "SUBDEBUG",
    "DEBUG",
    "INFO",
    "SUBWARNING",
    "Finalize",
    "register_after_fork",
    "is_exiting",
]
