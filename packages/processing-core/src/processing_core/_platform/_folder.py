"""Where the files of local sockets are, on systems on which their addresses are files."""

from __future__ import annotations

import os
import sys

__all__ = ["socket_folder"]

_DARWIN_USER_TEMP_DIR = 65537  # of <unistd.h>: `os.confstr_names` has it from CPython 3.14 on


def socket_folder() -> str:
    """The folder for the files of local sockets: the kernel's (`posix_socket_folder`)."""
    found = os.confstr(_DARWIN_USER_TEMP_DIR) if sys.platform == "darwin" else None
    return (found or "/tmp").rstrip("/")
