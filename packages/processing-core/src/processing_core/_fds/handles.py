"""The same as `server` on Windows, which needs no server: a process takes handles out of another one of its user.

A pickled handle is the sender's pid, the number of a copy that the sender keeps, and two cells.  A process that takes
the copy holds the only permit of the first; the second says whether the permit is given back.  So what was fetched, or
recalled, cannot be fetched again, and no process gets another object that has the number by then.  A receiver that is
killed while it has the permit keeps it for good.
"""

from __future__ import annotations

import _winapi
import os
import sys
import threading

from processing_core._errors import HandleError
from processing_core._fds.descriptors import Deposits, Descriptor, duplicate
from processing_core._native import _kernel
from processing_core._platform import close
from processing_core._threads import ThreadRLock
from processing_core.annotations import NamedTuple, Protocol

assert sys.platform == "win32"  # for type checkers

__all__ = ["GONE", "Deposit", "Shared", "deposit", "drop", "fetch", "forget_fetched", "guard", "keep", "recall"]

GONE = "this handle cannot be fetched: it was fetched before, or its sender is gone"
_DUPLICATE = 0x40  # PROCESS_DUP_HANDLE
_LONGEST_WAIT = 1.0  # seconds; a receiver has the permit for some microseconds


class Deposit(Protocol):
    """What is kept to be fetched."""

    @property
    def thread(self) -> int:
        """The thread that deposited it."""

    def is_fetched(self) -> bool:
        """Whether it was fetched, and is this process's no longer."""

    def share(self) -> None:
        """Let it be fetched any number of times, until it is dropped."""

    def drop(self) -> None:
        """Let no process fetch it from now on."""


class _HandleDeposit(NamedTuple):
    copy: Descriptor
    permit: _kernel.Semaphore
    shared: _kernel.Event
    thread: int

    def is_fetched(self) -> bool:
        if self.shared.is_set() or self.permit.get_value() > 0:
            return False
        self.copy.detach()
        return True

    def share(self) -> None:
        self.shared.set()

    def drop(self) -> None:
        self.shared.clear()
        if self.permit.acquire(timeout=_LONGEST_WAIT):
            self.copy.close()
        else:
            self.copy.detach()  # it was fetched, and closed by that


guard = ThreadRLock()
"""Held while deposits change."""

_deposits: dict[int, Deposit] = {}  # by number; `guard` guards it


def keep(made: Deposit) -> int:
    """Keep a deposit; its number."""
    with guard:
        forget_fetched()
        Deposits.made += 1
        _deposits[Deposits.made] = made
        return Deposits.made


def forget_fetched() -> None:
    """Free what is kept of deposits that were fetched, of which no process tells; the next deposit does it."""
    with guard:
        for number, other in list(_deposits.items()):
            if other.is_fetched():
                del _deposits[number]


def drop(number: int) -> None:
    """Drop a deposit; nothing if there is none."""
    with guard:
        made = _deposits.pop(number, None)
        if made is not None:
            made.drop()


def deposit(fd: int) -> tuple[int, int, _kernel.Semaphore, _kernel.Event]:
    """Keep a copy of a handle to be fetched.  Does not block.

    :return: the arguments of `fetch`.
    """
    made = _HandleDeposit(Descriptor.of(duplicate, fd), _kernel.Semaphore(1), _kernel.Event(), threading.get_ident())
    keep(made)
    return os.getpid(), made.copy.fileno(), made.permit, made.shared


def _mine(before: int) -> list[int]:
    return [n for n, made in _deposits.items() if n > before and made.thread == threading.get_ident()]


def recall(before: int) -> None:
    """Drop the copies that this thread has deposited since ``Deposits.made`` was ``before``."""
    with guard:
        for number in _mine(before):
            drop(number)


class Shared:
    """Handles that may be fetched any number of times, as long as this object is kept.

    :param before: ``Deposits.made`` before this thread deposited them.
    """

    def __init__(self, before: int) -> None:
        with guard:
            self._numbers = _mine(before)
            for number in self._numbers:
                _deposits[number].share()

    def __del__(self) -> None:
        with guard:
            for number in self._numbers:
                drop(number)


def fetch(pid: int, number: int, permit: _kernel.Semaphore, shared: _kernel.Event) -> Descriptor:
    """Fetch a handle, which is possible once unless the sender shares it.

    :raises HandleError: if the sender is gone, or the handle was fetched before.
    """
    try:
        sender = _winapi.OpenProcess(_DUPLICATE, False, pid)
    except OSError:
        raise HandleError(GONE) from None
    try:
        return _take(sender, number, permit, shared)
    finally:
        close(sender)


def _take(sender: int, number: int, permit: _kernel.Semaphore, shared: _kernel.Event) -> Descriptor:
    if not permit.acquire(timeout=_LONGEST_WAIT if shared.is_set() else 0):
        raise HandleError(GONE)
    again = shared.is_set()
    flags = _winapi.DUPLICATE_SAME_ACCESS | (0 if again else _winapi.DUPLICATE_CLOSE_SOURCE)
    try:
        return Descriptor(_winapi.DuplicateHandle(sender, number, _winapi.GetCurrentProcess(), 0, False, flags))
    except OSError:
        raise HandleError(GONE) from None
    finally:
        if again:
            permit.release()
