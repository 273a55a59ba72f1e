"""Linux: the files of the tmpfs at ``/dev/shm``, which is what ``shm_open`` opens in glibc and musl alike."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from contextlib import suppress

from processing_core import lowlevel
from processing_managers._platform import _reaper

__all__ = ["LinuxNames"]

_FOLDER = _reaper.FOLDER
_WORKING_DIRECTORY, _EMPTY_PATH = -100, 0x1000  # AT_FDCWD, AT_EMPTY_PATH
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK


class LinuxNames:
    """`Names` on Linux; a note is a symbolic link, which no ``shm_open`` follows."""

    def make(self, size: int) -> int:
        """See `Names`.  It allocates the memory: if it only reserved it, an access could end the program by SIGBUS."""
        fd = lowlevel.open_file(_FOLDER, os.O_TMPFILE | os.O_RDWR, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def link(self, fd: int, name: str) -> None:
        """See `Names`."""
        try:
            # `src_dir_fd` only chooses linkat(2), which can follow the link of /proc.
            os.link(f"/proc/self/fd/{fd}", _path(name), src_dir_fd=fd, follow_symlinks=True)
        except FileExistsError:
            raise
        except OSError as error:  # /proc is not mounted, or does not let this process in
            _link_by_descriptor(fd, _path(name), error)

    def open(self, name: str) -> int:
        """See `Names`."""
        return lowlevel.open_file(_path(name), _FLAGS)

    def unlink(self, name: str) -> None:
        """See `Names`."""
        os.unlink(_path(name))

    def identity(self, name: str) -> int | None:
        """See `Names`."""
        try:
            return os.lstat(_path(name)).st_ino
        except OSError:
            return None

    def hold(self, fd: int) -> None:
        """See `Names`.  Waits only for a reaper that is unlinking this very memory."""
        fcntl.flock(fd, fcntl.LOCK_SH)

    def release(self, fd: int) -> None:
        """See `Names`."""
        fcntl.flock(fd, fcntl.LOCK_UN)

    def clear(self, prefix: str) -> None:
        """See `Names`."""
        _reaper.clear(prefix)

    def ensure_reaper(self, prefix: str, root: int) -> None:
        """See `Names`.  If it starts one, it blocks for some 10 ms, until the reaper is no child of this process."""
        sign = _reaper.bound(prefix)
        if sign is None or getattr(sys, "frozen", False):  # a frozen program has no interpreter to run it
            return
        with sign:
            _start_reaper(prefix, sign.fileno(), root)

    def note(self, note: str, name: str) -> None:
        """See `Names`."""
        os.symlink(name, _path(note))


def _link_by_descriptor(fd: int, path: str, refused: OSError) -> None:
    """Link it without the help of ``/proc``.

    The system allows this to root (CAP_DAC_READ_SEARCH), and from Linux 6.10 on to the process that opened the file.

    :raises OSError: *refused*, if it does not allow it.
    """
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.linkat(fd, b"", _WORKING_DIRECTORY, os.fsencode(path), _EMPTY_PATH) == 0:
        return
    if ctypes.get_errno() == errno.EEXIST:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    raise refused


def _start_reaper(prefix: str, sign: int, root: int) -> None:
    # In it, 3 and 4; it must not keep descriptors of the program open, such as a pipe that another process reads to its
    # end.
    actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]]
    root = fcntl.fcntl(root, fcntl.F_DUPFD_CLOEXEC, 5)
    try:
        sign = fcntl.fcntl(sign, fcntl.F_DUPFD_CLOEXEC, 5)
    except BaseException:
        os.close(root)
        raise
    try:
        actions = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
        actions += [(os.POSIX_SPAWN_DUP2, sign, 3), (os.POSIX_SPAWN_DUP2, root, 4)]
        arguments = [sys.executable, "-I", "-S", _reaper.__file__, prefix, "3", "4"]
        pid = os.posix_spawn(sys.executable, arguments, os.environ, file_actions=actions)
        with suppress(ChildProcessError):  # the program ignores SIGCHLD, or its handler was first: it has ended
            os.waitpid(pid, 0)
    finally:
        os.close(root)
        os.close(sign)


def _path(name: str) -> str:
    if not name or "/" in name:
        raise OSError(errno.EINVAL, f"{os.strerror(errno.EINVAL)}: not empty, and no slash but in front", name)
    return _FOLDER + name
