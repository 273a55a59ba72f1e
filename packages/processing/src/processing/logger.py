"""0.52's logging; permanent. New functions are in :mod:`processing.util`."""

from __future__ import annotations

from processing_core import DEBUG as DEBUG
from processing_core import INFO as INFO
from processing_core import NOTSET as NOTSET
from processing_core import SUBDEBUG as SUBDEBUG
from processing_core import SUBWARNING as SUBWARNING
from processing_core import enableLogging as enableLogging
from processing_core import getLogger as getLogger
from processing_core.lowlevel import debug as debug
from processing_core.lowlevel import info as info
from processing_core.lowlevel import sub_debug, sub_warning

__all__ = [
    "enableLogging",
    "getLogger",
    "subDebug",
    "debug",
    "info",
    "subWarning",
    "NOTSET",
    "SUBDEBUG",
    "DEBUG",
    "INFO",
    "SUBWARNING",
]

subDebug = sub_debug
subWarning = sub_warning
