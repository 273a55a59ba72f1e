"""What programs and libraries know from ``multiprocessing.util``: logging, finalizers, and what follows a fork."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from operator import attrgetter

from processing_core import _current, _exit, _own_child
from processing_core._exit import exiting as is_exiting
from processing_core._finalize import Finalize as Finalize
from processing_core._finalize import after_fork as after_fork
from processing_core._finalize import finalizers as finalizers
from processing_core._finalize import numbers as numbers
from processing_core._finalize import register_after_fork as register_after_fork
from processing_core._finalize import run_finalizers as run_finalizers
from processing_core._finalize import watch_forks as _watch_forks
from processing_core._logging import DEBUG as DEBUG
from processing_core._logging import FORMAT as DEFAULT_LOGGING_FORMAT
from processing_core._logging import INFO as INFO
from processing_core._logging import NAME as LOGGER_NAME
from processing_core._logging import NOTSET as NOTSET
from processing_core._logging import SUBDEBUG as SUBDEBUG
from processing_core._logging import SUBWARNING as SUBWARNING
from processing_core._logging import WARNING as WARNING
from processing_core._logging import debug as debug
from processing_core._logging import get_logger as get_logger
from processing_core._logging import info as info
from processing_core._logging import log_to_stderr as log_to_stderr
from processing_core._logging import logs_to_stderr as logs_to_stderr
from processing_core._logging import present_logger as present_logger
from processing_core._logging import sub_debug as sub_debug
from processing_core._logging import sub_warning as sub_warning
from processing_core._logging import warn as warn
from processing_core._threads import Delegated, ThreadLock
from processing_core.annotations import TYPE_CHECKING, Any

__all__ = [
    "get_logger",
    "log_to_stderr",
    "sub_debug",
    "debug",
    "info",
    "sub_warning",
    "warn",
    "LOGGER_NAME",
    "DEFAULT_LOGGING_FORMAT",
    "NOTSET",
    "SUBDEBUG",
    "DEBUG",
    "INFO",
    "SUBWARNING",
    "WARNING",
    "Finalize",
    "register_after_fork",
    "is_exiting",
    "ForkAwareThreadLock",
    "ForkAwareLocal",
    "get_temp_dir",
    "has_writable_temp_dir",
    "run_after_forkers",
    "args_from_interpreter_flags",
    "close_all_fds_except",
    "close_fds",
    "close_stdin",
    "flush_std_streams",
    "spawnv_passfds",
    "is_abstract_socket_namespace",
    "abstract_sockets_supported",
    "MAXFD",
]

_watch_forks()  # for libraries that put entries into `after_fork` themselves

_exit.watch_exit()

exit_function: Callable[[], None] = _exit.run  # which libraries call, or take back from `atexit`

abstract_sockets_supported: bool = sys.platform == "linux"
"""Whether this system has sockets whose names stand in no file system."""

_FEWEST = 256  # descriptors, where the system tells of no limit
try:
    MAXFD = os.sysconf("SC_OPEN_MAX")
except (AttributeError, OSError, ValueError):  # Windows has no such function
    MAXFD = _FEWEST


class ForkAwareThreadLock:
    """A `threading.Lock` that is free in a forked child, whichever thread held it in the parent."""

    acquire: Callable[..., bool]
    release: Callable[[], None]

    def __init__(self) -> None:
        self._lock = ThreadLock()
        self.acquire, self.release = self._lock.acquire, self._lock.release
        register_after_fork(self, ForkAwareThreadLock._make_anew)

    if TYPE_CHECKING:

        def __enter__(self) -> bool: ...
        def __exit__(self, *error: object) -> None: ...

    else:
        __enter__, __exit__ = (Delegated(attrgetter("_lock"), name) for name in ("__enter__", "__exit__"))

    def _make_anew(self) -> None:
        self._lock._at_fork_reinit()  # type: ignore[attr-defined]  # as the standard library's own modules do


class ForkAwareLocal(threading.local):
    """A `threading.local` that is empty in a forked child, and where it is unpickled."""

    def __init__(self) -> None:
        register_after_fork(self, lambda local: local.__dict__.clear())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


def get_temp_dir() -> str:
    """A directory for temporary files, which is removed when the process ends that called this first.

    Children that are started from then on have the same one.  Does not block.

    :raises OSError: if none can be made.
    """
    config = _current.current_process()._config
    if config.get("tempdir") is None:
        import tempfile

        config["tempdir"] = made = tempfile.mkdtemp(prefix="processing-")
        info("created temp directory %s", made)
        _exit.at_exit(lambda: _remove(made), priority=-100)  # after the children were joined
    directory: str = config["tempdir"]
    return directory


def has_writable_temp_dir() -> bool:
    """Whether temporary files can be made.  It makes one, which is gone at once."""
    import tempfile

    try:
        with tempfile.TemporaryFile():
            return True
    except OSError:
        return False


def run_after_forkers() -> None:
    """Do nothing: a fork calls the functions of `register_after_fork`, whether this library forks or not."""


def close_all_fds_except(fds: Iterable[int]) -> None:
    """Close every descriptor of this process except those given, whatever objects own them.  Does not block."""
    kept = sorted({-1, *fds, MAXFD})
    for before, after in itertools.pairwise(kept):
        os.closerange(before + 1, after)


def spawnv_passfds(path: str | bytes, args: Sequence[Any], passfds: Iterable[int]) -> int:
    """Run a program as a child that inherits the descriptors given and no others but the standard streams.

    Does not block; the child is the caller's to wait for.

    :param path: the program.
    :param args: its arguments, the first being its name.
    :return: its process id.
    :raises OSError: if the system refuses.
    """
    words = [word if isinstance(word, str | bytes) else str(word) for word in args]
    return _own_child.run(words, executable=path, pass_fds=tuple(passfds), restore_signals=False)


def close_fds(*fds: int) -> None:
    """Close descriptors.  Does not block.

    :raises OSError: if one is not open; those after it stay.
    """
    for fd in fds:
        os.close(fd)


def flush_std_streams() -> None:
    """Write out what waits in the standard streams, where the program has them; blocks as long as that takes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # there is none, or it was closed
            stream.flush()


def close_stdin() -> None:
    """Let the standard input be empty, as for a process that has no part in it.  Does not block."""
    from processing_core._bootstrap import detach_stdin  # which is for children, and starts them

    detach_stdin()


def args_from_interpreter_flags() -> list[str]:
    """The options by which another interpreter has the flags of this one, such as ``-W``."""
    import subprocess

    arguments: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return arguments


def is_abstract_socket_namespace(address: str | bytes | tuple[Any, ...] | None) -> bool:
    """Whether an address is a name in the abstract namespace of Linux.

    :raises TypeError: if it is no address.
    """
    if not address:
        return False
    if isinstance(address, str | bytes):
        return address[0] in (0, "\0")
    raise TypeError(f"address type of {address!r} unrecognized")


def _remove(directory: str) -> None:
    import shutil

    shutil.rmtree(directory, ignore_errors=True)
