"""The processes of a family that are not started by this one: its root, and the parent."""

from __future__ import annotations

import os

from processing_core._current import state
from processing_core._descriptors import Descriptor, readable
from processing_core._native import _kernel
from processing_core._process import BaseProcess, checked_timeout

__all__ = ["MainProcess", "ParentProcess"]


class MainProcess(BaseProcess):
    """The process that was not started by any of ours."""

    def __init__(self) -> None:
        self._identity = ()
        self._name = "MainProcess"
        self._parent_pid = None
        self._parent_name = None
        self._popen = None
        self._closed = False
        self._config = {"authkey": os.urandom(32), "daemon": False}
        self._target, self._args, self._kwargs = None, (), {}

    def close(self) -> None:
        """Do nothing: the main process cannot be closed."""


MainProcess.__name__ = MainProcess.__qualname__ = "_MainProcess"  # as multiprocessing shows it


class ParentProcess(BaseProcess):
    """The process that started this one."""

    def __init__(self, name: str, pid: int, place: tuple[int, int]) -> None:
        self._identity = ()
        self._name = name
        self._pid = pid
        self._place = place
        self._parent_pid = None
        self._parent_name = None
        self._popen = None
        self._closed = False
        self._config = {}
        self._target, self._args, self._kwargs = None, (), {}
        self._death: Descriptor | None = None

    def is_alive(self) -> bool:
        """Whether it runs.  Does not block."""
        return not readable(self.sentinel, 0)

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended.

        Blocks; signal handlers run.

        :param timeout: seconds; ``None`` waits for ever.
        """
        readable(self.sentinel, checked_timeout(timeout))

    @property
    def ident(self) -> int:
        """Its process id."""
        return self._pid

    @property
    def sentinel(self) -> int:
        """A descriptor that becomes readable when it ends."""
        if self._death is None:
            self._death = Descriptor(self._open())
        return self._death.fileno()

    def _open(self) -> int:
        try:
            pidfd = os.pidfd_open(self._pid)
        except ProcessLookupError:
            return _hung_up()
        # Asked afterwards: the member was alive while the descriptor was opened, so that is it.
        if _kernel.alive(*self._place):
            return pidfd
        os.close(pidfd)
        return _hung_up()


def _hung_up() -> int:
    read_end, write_end = os.pipe()
    os.close(write_end)
    return read_end


state.current = MainProcess()
