"""The current process, its parent and its children."""

from __future__ import annotations

import os

from processing_core._authentication_string import AuthenticationString
from processing_core._fds.descriptors import Descriptor, hung_up, open_pidfd, readable
from processing_core._native import _kernel
from processing_core._process import BaseProcess, checked_timeout
from processing_core._process_state import running_children, state

__all__ = ["MainProcess", "ParentProcess", "active_children", "cpu_count", "current_process", "parent_process"]


class MainProcess(BaseProcess):
    """The process that this library did not start: the root of the family."""

    def __init__(self) -> None:
        self._identity = ()
        self._name = "MainProcess"
        self._parent_pid = None
        self._parent_name = None
        self._popen = None
        self._closed = False
        self._config = {"authkey": AuthenticationString(os.urandom(32)), "daemon": False}
        self._target, self._args, self._kwargs = None, (), {}

    def close(self) -> None:
        """Do nothing: the main process cannot be closed."""


MainProcess.__name__ = MainProcess.__qualname__ = "_MainProcess"  # as multiprocessing shows it


class ParentProcess(BaseProcess):
    """The process that started this one."""

    def __init__(self, name: str, pid: int, member_id: tuple[int, int]) -> None:
        self._identity = ()
        self._name = name
        self._pid = pid
        self._member_id = member_id
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
        if self._death is None or not self._death.is_open():
            self._death = self._open()
        return self._death.fileno()

    def _open(self) -> Descriptor:
        try:
            death = open_pidfd(self._pid)
        except ProcessLookupError:
            return hung_up()
        # Checked after the descriptor was opened: the member was alive then, so the descriptor is the member's.
        return death if _kernel.alive(*self._member_id) else hung_up()


state.current = MainProcess()


def current_process() -> BaseProcess:
    """The process that this is called in.  Does not block.

    >>> import processing
    >>> processing.current_process().name
    'MainProcess'
    """
    process: BaseProcess = state.current
    return process


def parent_process() -> ParentProcess | None:
    """The process that started this one; ``None`` in the main process.  Does not block."""
    if state.parent is None:
        return None
    if state.parent_process is None:
        state.parent_process = ParentProcess(*state.parent[:3])
    process: ParentProcess = state.parent_process
    return process


def active_children() -> list[BaseProcess]:
    """The children of this process that run; collects those that have ended.  Does not block."""
    return running_children()


def cpu_count() -> int:
    """The number of CPUs of this machine; more than this process may use, perhaps.

    :raises NotImplementedError: if it cannot be found out.
    """
    count = os.cpu_count()
    if count is None:
        raise NotImplementedError("cannot determine number of cpus")
    return count
