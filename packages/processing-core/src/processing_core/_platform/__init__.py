"""What differs between operating systems: waiting for descriptors, watching a process by one, what children inherit.

A file for each system implements the functions in ``__all__``; this one chooses.  ``scm_rights``, the module
that sends descriptors in messages, is imported when it is asked for, because it imports `_socket`: ``__getattr__``
chooses it.  So is Windows' `DescriptorSet`, which imports `socket`.
"""

from __future__ import annotations

import sys

from processing_core._native import _kernel
from processing_core.annotations import TYPE_CHECKING

if sys.platform == "linux":
    from processing_core._platform._linux import HUNG_UP as HUNG_UP
    from processing_core._platform._linux import KEEPS_NUMBERS as KEEPS_NUMBERS
    from processing_core._platform._linux import READABLE as READABLE
    from processing_core._platform._linux import SIGKILL as SIGKILL
    from processing_core._platform._linux import WRITABLE as WRITABLE
    from processing_core._platform._linux import DescriptorSet as DescriptorSet
    from processing_core._platform._linux import Poller as Poller
    from processing_core._platform._linux import close as close
    from processing_core._platform._linux import drain as drain
    from processing_core._platform._linux import exit_code_kept as exit_code_kept
    from processing_core._platform._linux import exit_code_of_zombie as exit_code_of_zombie
    from processing_core._platform._linux import follow_main_thread as follow_main_thread
    from processing_core._platform._linux import interrupts_blocked as interrupts_blocked
    from processing_core._platform._linux import is_child as is_child
    from processing_core._platform._linux import kill_newborn as kill_newborn
    from processing_core._platform._linux import kill_when_hung_up as kill_when_hung_up
    from processing_core._platform._linux import memory_size as memory_size
    from processing_core._platform._linux import open_ends as open_ends
    from processing_core._platform._linux import open_process as open_process
    from processing_core._platform._linux import reap as reap
    from processing_core._platform._linux import register_at_fork as register_at_fork
    from processing_core._platform._linux import ring as ring
    from processing_core._platform._linux import set_nonblocking as set_nonblocking
    from processing_core._platform._linux import set_title as set_title
    from processing_core._platform._linux import signal_process as signal_process
    from processing_core._platform._linux import umask_and_identity as umask_and_identity
    from processing_core._platform._linux import unblock_interrupts as unblock_interrupts
    from processing_core._platform._linux import yield_processor as yield_processor
    from processing_core._platform._posix_program import start_program as start_program
elif sys.platform == "darwin":
    from processing_core._platform._macos import HUNG_UP as HUNG_UP
    from processing_core._platform._macos import KEEPS_NUMBERS as KEEPS_NUMBERS
    from processing_core._platform._macos import READABLE as READABLE
    from processing_core._platform._macos import SIGKILL as SIGKILL
    from processing_core._platform._macos import WRITABLE as WRITABLE
    from processing_core._platform._macos import Poller as Poller
    from processing_core._platform._macos import close as close
    from processing_core._platform._macos import drain as drain
    from processing_core._platform._macos import exit_code_kept as exit_code_kept
    from processing_core._platform._macos import exit_code_of_zombie as exit_code_of_zombie
    from processing_core._platform._macos import follow_main_thread as follow_main_thread
    from processing_core._platform._macos import interrupts_blocked as interrupts_blocked
    from processing_core._platform._macos import is_child as is_child
    from processing_core._platform._macos import kill_newborn as kill_newborn
    from processing_core._platform._macos import kill_when_hung_up as kill_when_hung_up
    from processing_core._platform._macos import memory_size as memory_size
    from processing_core._platform._macos import open_ends as open_ends
    from processing_core._platform._macos import open_process as open_process
    from processing_core._platform._macos import reap as reap
    from processing_core._platform._macos import register_at_fork as register_at_fork
    from processing_core._platform._macos import ring as ring
    from processing_core._platform._macos import set_nonblocking as set_nonblocking
    from processing_core._platform._macos import set_title as set_title
    from processing_core._platform._macos import signal_process as signal_process
    from processing_core._platform._macos import umask_and_identity as umask_and_identity
    from processing_core._platform._macos import unblock_interrupts as unblock_interrupts
    from processing_core._platform._macos import yield_processor as yield_processor
    from processing_core._platform._no_sets import DescriptorSet as DescriptorSet
    from processing_core._platform._posix_program import start_program as start_program
elif sys.platform == "win32":
    from processing_core._platform._windows import HUNG_UP as HUNG_UP
    from processing_core._platform._windows import KEEPS_NUMBERS as KEEPS_NUMBERS
    from processing_core._platform._windows import READABLE as READABLE
    from processing_core._platform._windows import SIGKILL as SIGKILL
    from processing_core._platform._windows import WRITABLE as WRITABLE
    from processing_core._platform._windows import Poller as Poller
    from processing_core._platform._windows import close as close
    from processing_core._platform._windows import drain as drain
    from processing_core._platform._windows import exit_code_kept as exit_code_kept
    from processing_core._platform._windows import exit_code_of_zombie as exit_code_of_zombie
    from processing_core._platform._windows import follow_main_thread as follow_main_thread
    from processing_core._platform._windows import interrupts_blocked as interrupts_blocked
    from processing_core._platform._windows import is_child as is_child
    from processing_core._platform._windows import kill_newborn as kill_newborn
    from processing_core._platform._windows import kill_when_hung_up as kill_when_hung_up
    from processing_core._platform._windows import memory_size as memory_size
    from processing_core._platform._windows import open_ends as open_ends
    from processing_core._platform._windows import open_process as open_process
    from processing_core._platform._windows import reap as reap
    from processing_core._platform._windows import register_at_fork as register_at_fork
    from processing_core._platform._windows import ring as ring
    from processing_core._platform._windows import set_nonblocking as set_nonblocking
    from processing_core._platform._windows import set_title as set_title
    from processing_core._platform._windows import signal_process as signal_process
    from processing_core._platform._windows import start_program as start_program
    from processing_core._platform._windows import umask_and_identity as umask_and_identity
    from processing_core._platform._windows import unblock_interrupts as unblock_interrupts
    from processing_core._platform._windows import yield_processor as yield_processor
else:
    raise ImportError(f"processing_core does not support {sys.platform} yet")

if sys.platform == "win32":
    from processing_core._platform._windows import unused_address as unused_address
elif sys.platform == "linux" and not _kernel.SOCKET_FILES:
    from processing_core._platform._linux import unused_address as unused_address
else:
    from processing_core._platform._posix import unused_address as unused_address

SET_STAYS_READABLE = sys.platform != "win32"
"""Whether a `DescriptorSet` is readable as long as one of its descriptors is; else it is to be cleared first."""

if TYPE_CHECKING:
    if sys.platform == "win32":
        from processing_core._platform._windows_set import DescriptorSet as DescriptorSet
    from processing_core._platform import _scm_rights as scm_rights

__all__ = [
    "DescriptorSet",
    "HUNG_UP",
    "KEEPS_NUMBERS",
    "READABLE",
    "SET_STAYS_READABLE",
    "SIGKILL",
    "WRITABLE",
    "Poller",
    "close",
    "exit_code_kept",
    "exit_code_of_zombie",
    "follow_main_thread",
    "is_child",
    "kill_newborn",
    "kill_when_hung_up",
    "memory_size",
    "open_ends",
    "open_process",
    "reap",
    "register_at_fork",
    "scm_rights",
    "drain",
    "interrupts_blocked",
    "ring",
    "unblock_interrupts",
    "yield_processor",
    "set_nonblocking",
    "set_title",
    "signal_process",
    "start_program",
    "umask_and_identity",
    "unused_address",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "DescriptorSet" and sys.platform == "win32":
            from processing_core._platform import _windows_set

            return _windows_set.DescriptorSet
        if name != "scm_rights":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if _kernel.SOCKET_FILES:
            from processing_core._platform import _posix_messages

            return _posix_messages
        from processing_core._platform import _scm_rights

        return _scm_rights
