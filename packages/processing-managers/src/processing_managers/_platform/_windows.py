"""Windows: sections with a name, which is gone with the last handle of the memory, so that nothing is ever left."""

from __future__ import annotations

import _winapi
import mmap
import os
import sys
from collections.abc import Callable
from contextlib import suppress

assert sys.platform == "win32"  # for type checkers

__all__ = ["SectionNames", "opened_section", "private_address"]

_READ_WRITE, _MAP_READ = 0x04, 0x04  # PAGE_READWRITE, FILE_MAP_READ
_NO_FILE = -1


def opened_section(
    name: str | None, create: bool, size: int, make_name: Callable[[bool], str]
) -> tuple[str, mmap.mmap, int]:
    """Make named memory, or attach to it.

    :raises FileExistsError: if it is to be made, and the name is taken.
    :raises FileNotFoundError: if it is not to be made, and there is none.
    """
    if not create:
        assert name is not None
        size = _size_of(name)
        return name, mmap.mmap(_NO_FILE, size, tagname=name), size
    while True:
        chosen = make_name(True) if name is None else name
        with suppress(*([FileExistsError] if name is None else [])):
            return chosen, _made(chosen, size), size


def _made(name: str, size: int) -> mmap.mmap:
    section = _winapi.CreateFileMapping(_NO_FILE, 0, _READ_WRITE, size >> 32, size & 0xFFFFFFFF, name)
    try:
        if _winapi.GetLastError() == _winapi.ERROR_ALREADY_EXISTS:
            raise FileExistsError(17, "File exists", name, _winapi.ERROR_ALREADY_EXISTS)
        return mmap.mmap(_NO_FILE, size, tagname=name)
    finally:
        _winapi.CloseHandle(section)


def _size_of(name: str) -> int:
    """The bytes of existing memory: whole pages."""
    section = _winapi.OpenFileMapping(_MAP_READ, False, name)
    try:
        view = _winapi.MapViewOfFile(section, _MAP_READ, 0, 0, 0)
    finally:
        _winapi.CloseHandle(section)
    try:
        return _winapi.VirtualQuerySize(view)
    finally:
        if hasattr(_winapi, "UnmapViewOfFile"):  # 3.12 and newer
            _winapi.UnmapViewOfFile(view)


class SectionNames:
    """`Names` on Windows: the system does what they are for."""

    def unlink(self, name: str) -> None:
        """Nothing: the name is gone with its last user."""

    def clear(self, prefix: str) -> None:
        """Nothing: no memory is left."""


def private_address(foreign: bool) -> str | tuple[str, int]:
    """An address that no other server has: a pipe's, to which only this user's processes may connect.

    :param foreign: whether TLS or another library's handshake is spoken there, for which there must be a socket on this
        machine: any process may connect to it, and must then prove that it has the key.
    """
    return ("127.0.0.1", 0) if foreign else rf"\\.\pipe\processing-manager-{os.getpid()}-{os.urandom(16).hex()}"
