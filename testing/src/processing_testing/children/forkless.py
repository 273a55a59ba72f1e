"""A module for a forkserver to preload: it makes `fork` fail, as it does at the limit of processes.

The limit itself does not apply to the superuser, which tests may run as; a filter of system calls (seccomp(2)) does.
"""

import ctypes
import errno
import platform
import struct

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_MODE_FILTER = 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_CLONE = {"x86_64": 56, "aarch64": 220}[platform.machine()]

_rules = b"".join(
    struct.pack("HBBI", *rule)
    for rule in (
        (_LOAD, 0, 0, 0),  # the number of the system call
        (_JUMP_IF_EQUAL, 0, 1, _CLONE),
        (_RETURN, 0, 0, _FAIL | errno.EAGAIN),
        (_RETURN, 0, 0, _ALLOW),
    )
)
_buffer = ctypes.create_string_buffer(_rules, len(_rules))
_program = struct.pack("HxxxxxxP", len(_rules) // 8, ctypes.addressof(_buffer))
_libc = ctypes.CDLL(None, use_errno=True)
assert _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert _libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, _program, 0, 0) == 0
