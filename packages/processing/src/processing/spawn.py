"""The data that a child which is no copy of its parent needs, for libraries that start processes themselves."""

from __future__ import annotations

from processing_core.spawn import WINEXE as WINEXE
from processing_core.spawn import WINSERVICE as WINSERVICE
from processing_core.spawn import freeze_support as freeze_support
from processing_core.spawn import get_executable as get_executable
from processing_core.spawn import get_preparation_data as get_preparation_data
from processing_core.spawn import import_main_path as import_main_path
from processing_core.spawn import is_forking as is_forking
from processing_core.spawn import old_main_modules as old_main_modules
from processing_core.spawn import prepare as prepare
from processing_core.spawn import set_executable as set_executable

__all__ = [
    "freeze_support",
    "set_executable",
    "get_executable",
    "is_forking",
    "get_preparation_data",
    "prepare",
    "import_main_path",
    "old_main_modules",
    "WINEXE",
    "WINSERVICE",
]
