"""What differs between operating systems: waiting for descriptors, watching a process by one, what children inherit.

A file for each system implements the functions in ``__all__``; this one chooses.  ``scm_rights``, the module
that sends descriptors in messages, is imported when it is asked for, because it imports `socket`: ``__getattr__``
chooses it.
"""

from __future__ import annotations

import sys

from processing_core.annotations import TYPE_CHECKING

if sys.platform == "linux":
    from processing_core._platform._linux import HUNG_UP as HUNG_UP
    from processing_core._platform._linux import READABLE as READABLE
    from processing_core._platform._linux import WRITABLE as WRITABLE
    from processing_core._platform._linux import DescriptorSet as DescriptorSet
    from processing_core._platform._linux import Poller as Poller
    from processing_core._platform._linux import exit_code_kept as exit_code_kept
    from processing_core._platform._linux import exit_code_of_zombie as exit_code_of_zombie
    from processing_core._platform._linux import follow_main_thread as follow_main_thread
    from processing_core._platform._linux import is_child as is_child
    from processing_core._platform._linux import kill_when_hung_up as kill_when_hung_up
    from processing_core._platform._linux import open_process as open_process
    from processing_core._platform._linux import reap as reap
    from processing_core._platform._linux import set_title as set_title
    from processing_core._platform._linux import signal_process as signal_process
    from processing_core._platform._linux import umask_and_identity as umask_and_identity
    from processing_core._platform._linux import unused_address as unused_address
else:
    raise ImportError(f"processing_core does not support {sys.platform} yet")

if TYPE_CHECKING:
    from processing_core._platform import _scm_rights as scm_rights

__all__ = [
    "HUNG_UP",
    "DescriptorSet",
    "READABLE",
    "WRITABLE",
    "Poller",
    "exit_code_kept",
    "exit_code_of_zombie",
    "follow_main_thread",
    "is_child",
    "kill_when_hung_up",
    "open_process",
    "reap",
    "scm_rights",
    "set_title",
    "signal_process",
    "umask_and_identity",
    "unused_address",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name != "scm_rights":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from processing_core._platform import _scm_rights

        return _scm_rights
