"""Linux: the files of the tmpfs at ``/dev/shm``, which is what ``shm_open`` opens in glibc and musl alike."""

import errno
import os

__all__ = ["LinuxNames"]

_FOLDER = "/dev/shm/"
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class LinuxNames:
    """`Names` on Linux; a note is a symbolic link, which no ``shm_open`` follows."""

    def create(self, name: str) -> int:
        """See `Names`."""
        return os.open(_path(name), _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)

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

    def beginning(self, prefix: str) -> list[str]:
        """See `Names`."""
        try:
            return [name for name in os.listdir(_FOLDER) if name.startswith(prefix)]
        except OSError:
            return []

    def note(self, note: str, name: str) -> None:
        """See `Names`."""
        os.symlink(name, _path(note))

    def noted(self, note: str) -> str | None:
        """See `Names`."""
        try:
            return os.readlink(_path(note))
        except OSError:
            return None


def _path(name: str) -> str:
    if not name or "/" in name:
        raise OSError(errno.EINVAL, f"{os.strerror(errno.EINVAL)}: not empty, and no slash but in front", name)
    return _FOLDER + name
