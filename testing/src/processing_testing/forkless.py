"""To be preloaded by a forkserver that shall not be able to fork, as at a limit of processes."""

import errno
import os


def _refuse() -> int:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


os.fork = _refuse
