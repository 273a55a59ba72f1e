"""Linux: the files of the tmpfs at ``/dev/shm``, which is what ``shm_open`` opens in glibc and musl alike."""

from __future__ import annotations

import errno
import fcntl
import os
import sys

from processing_managers._named import _keeper

__all__ = ["LinuxNames"]

_FOLDER = _keeper.FOLDER
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class LinuxNames:
    """`Names` on Linux; a note is a symbolic link, which no ``shm_open`` follows."""

    def make(self, size: int) -> int:
        """See `Names`.  The memory is there: what is only promised ends a program by SIGBUS when it is missing."""
        fd = os.open(_FOLDER, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def link(self, fd: int, name: str) -> None:
        """See `Names`."""
        # `src_dir_fd` only chooses linkat(2), which can follow the link of /proc.
        os.link(f"/proc/self/fd/{fd}", _path(name), src_dir_fd=fd, follow_symlinks=True)

    def open(self, name: str) -> int:
        """See `Names`."""
        return os.open(_path(name), _FLAGS)

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
        """See `Names`.  Waits only for a keeper that is unlinking this very memory."""
        fcntl.flock(fd, fcntl.LOCK_SH)

    def release(self, fd: int) -> None:
        """See `Names`."""
        fcntl.flock(fd, fcntl.LOCK_UN)

    def clear(self, prefix: str) -> None:
        """See `Names`."""
        _keeper.clear(prefix)

    def keep(self, prefix: str, root: int) -> None:
        """See `Names`.  Blocks for some 10 ms if it starts one: until the keeper is nobody's child."""
        sign = _keeper.bound(prefix)
        if sign is None or getattr(sys, "frozen", False):  # a frozen program has no interpreter to run it
            return
        with sign:
            _start_keeper(prefix, sign.fileno(), root)

    def note(self, note: str, name: str) -> None:
        """See `Names`."""
        os.symlink(name, _path(note))


def _start_keeper(prefix: str, sign: int, root: int) -> None:
    # In it, 3 and 4; it must hold nothing of the program's open, such as a pipe that somebody reads to its end.
    actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]]
    root, sign = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 5) for fd in (root, sign))
    try:
        actions = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
        actions += [(os.POSIX_SPAWN_DUP2, sign, 3), (os.POSIX_SPAWN_DUP2, root, 4)]
        arguments = [sys.executable, "-I", "-S", _keeper.__file__, prefix, "3", "4"]
        pid = os.posix_spawn(sys.executable, arguments, os.environ, file_actions=actions)
        os.waitpid(pid, 0)
    finally:
        os.close(root)
        os.close(sign)


def _path(name: str) -> str:
    if not name or "/" in name:
        raise OSError(errno.EINVAL, f"{os.strerror(errno.EINVAL)}: not empty, and no slash but in front", name)
    return _FOLDER + name
