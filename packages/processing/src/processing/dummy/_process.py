"""`Process`, which is a thread."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping

from processing.dummy._given import hold
from processing_core.annotations import Any

__all__ = ["DummyProcess", "Process", "active_children", "current_process", "parent_process", "shutdown"]

_children: weakref.WeakKeyDictionary[threading.Thread, weakref.WeakSet[Process]] = weakref.WeakKeyDictionary()


class Process(threading.Thread):
    """A thread with the interface of a process.

    :param group: must be ``None``.
    :param target: what :meth:`run` calls.
    :param name: its name; by default ``Thread-1``, …
    :param args: the arguments of ``target``.
    :param kwargs: its keyword arguments.
    :param daemon: whether the program may end without it.

    >>> from processing.dummy import Process
    >>> process = Process(target=print, args=("hello from a thread",))
    >>> process.start()
    hello from a thread
    >>> process.join()
    """

    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None:
        super().__init__(group, target, name, tuple(args), dict(kwargs or {}), daemon=daemon)
        self._creator = threading.current_thread()

    def start(self) -> None:
        """Start it.

        :raises RuntimeError: if it was started before, or by another thread than the one that made it.
        """
        if self._creator is not current_process():
            raise RuntimeError(f"Parent is {self._creator!r} but current_process is {current_process()!r}")
        _children.setdefault(self._creator, weakref.WeakSet()).add(self)
        let_go = hold(self) if self.ident is None else None
        try:
            super().start()
        except BaseException:
            if let_go is not None:
                let_go()
            raise

    @property
    def exitcode(self) -> int | None:
        """0 if it has ended, by an exception or not; ``None`` before."""
        return None if self.ident is None or self.is_alive() else 0

    @property
    def pid(self) -> int | None:
        """The id of the process that it is part of; ``None`` before the start."""
        return None if self.ident is None else os.getpid()

    def isAlive(self) -> bool:
        """0.52's name of `is_alive`; permanent."""
        return self.is_alive()

    def getName(self) -> str:
        """0.52's way to read ``name``; permanent."""
        return self.name

    def setName(self, name: str) -> None:
        """0.52's way to set ``name``; permanent."""
        self.name = name

    def isDaemon(self) -> bool:
        """0.52's way to read ``daemon``; permanent."""
        return self.daemon

    def setDaemon(self, daemonic: bool) -> None:
        """0.52's way to set ``daemon``; permanent."""
        self.daemon = daemonic

    def getPid(self) -> int | None:
        """0.52's way to read `pid`; permanent."""
        return self.pid

    def getExitCode(self) -> int | None:
        """0.52's way to read `exitcode`; permanent."""
        return self.exitcode


DummyProcess = Process  # as multiprocessing.dummy calls it, too


def current_process() -> threading.Thread:
    """The thread that this is called in.  Does not block."""
    return threading.current_thread()


def parent_process() -> threading.Thread | None:
    """The thread that made this one; ``None`` if it was not made as a `Process`.  Does not block."""
    current = threading.current_thread()
    return current._creator if isinstance(current, Process) else None


def active_children() -> list[Process]:
    """The threads that this one started as a `Process`, and that run.  Does not block."""
    return [child for child in list(_children.get(threading.current_thread(), ())) if child.is_alive()]


def shutdown() -> None:
    """Do nothing: a manager of threads has no server to end."""
