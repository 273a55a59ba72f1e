"""Shared memory with a name as files of one folder, for systems whose shared memory objects cannot be listed or locked.

The files are on a disk, so the system writes them there from time to time.  Programs that open a shared memory object
of the system under the same name do not find them.  Nothing runs when every process of a family was killed: their
memory stays until the next family of this user clears it, or the system empties the folder.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress

from processing_core import lowlevel

__all__ = ["FileNames"]

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
_NEW, _NOTE = ".new-", ".note-"


class FileNames:
    """`Names` as files.

    :param folder: this user's own.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def make(self, size: int) -> int:
        """See `Names`."""
        path = f"{self._folder}/{_NEW}{os.getpid()}-{os.urandom(8).hex()}"
        fd = lowlevel.open_file(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.ftruncate(fd, size)
        except BaseException:
            os.close(fd)
            os.unlink(path)
            raise
        return fd

    def link(self, fd: int, name: str) -> None:
        """See `Names`.  The file that `make` has made is found by its number."""
        wanted = os.fstat(fd).st_ino
        prefix = f"{_NEW}{os.getpid()}-"
        with os.scandir(self._folder) as entries:
            found = [entry.path for entry in entries if entry.name.startswith(prefix) and entry.inode() == wanted]
        if not found:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        try:
            os.link(found[0], self._path(name))
        finally:
            os.unlink(found[0])

    def open(self, name: str) -> int:
        """See `Names`."""
        return lowlevel.open_file(self._path(name), _FLAGS)

    def unlink(self, name: str) -> None:
        """See `Names`."""
        os.unlink(self._path(name))

    def identity(self, name: str) -> int | None:
        """See `Names`."""
        try:
            return os.lstat(self._path(name)).st_ino
        except OSError:
            return None

    def hold(self, fd: int) -> None:
        """See `Names`."""
        fcntl.flock(fd, fcntl.LOCK_SH)

    def release(self, fd: int) -> None:
        """See `Names`."""
        fcntl.flock(fd, fcntl.LOCK_UN)

    def clear(self, prefix: str) -> None:
        """See `Names`."""
        for name in os.listdir(self._folder):
            if name.startswith(prefix):
                self._clear(name)
            elif name.startswith(_NOTE + prefix):
                with suppress(OSError):
                    self._clear(os.readlink(self._path(name)))
                    os.unlink(self._path(name))

    def _clear(self, name: str) -> None:
        with suppress(OSError):
            fd = os.open(self._path(name), _FLAGS | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.lstat(self._path(name)).st_ino == os.fstat(fd).st_ino:
                    os.unlink(self._path(name))
            finally:
                os.close(fd)

    def ensure_reaper(self, prefix: str, root: int) -> None:
        """Nothing: see this module's words."""

    def note(self, note: str, name: str) -> None:
        """See `Names`."""
        os.symlink(name, self._path(_NOTE + note))

    def _path(self, name: str) -> str:
        if not name or "/" in name:
            raise OSError(errno.EINVAL, f"{os.strerror(errno.EINVAL)}: not empty, and no slash but in front", name)
        return f"{self._folder}/{name}"
