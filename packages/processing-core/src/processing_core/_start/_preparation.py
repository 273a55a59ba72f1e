"""What a process that was not forked from its parent must know before it can unpickle."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from processing_core import _bootstrap, _logging, _main_module, _outcome, _pickling
from processing_core._current import current_process
from processing_core._luggage import Luggage
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._start import _default, _environment
from processing_core.annotations import NamedTuple

__all__ = ["Preparation", "apply", "packed", "parent", "prepare", "unpacked"]


class Preparation(NamedTuple):
    """The state of the parent that a child starts with."""

    name: str
    daemon: bool
    authkey: bytes
    parent: _bootstrap.Parent
    start_method: str | None
    sys_path: list[str]
    argv: list[str]
    directory: str | None
    main: tuple[str | None, str | None] | None  # a `Source`, plain, for the kernel encodes that without pickle
    signal_mask: list[int]
    logging: bytes | None  # packed by itself, for the handler's class may be the main module's
    preload: tuple[str, ...] = ()  # modules that a forkserver imports
    # What a program that is executed inherits anyway, and a forkserver's child must be told:
    umask: int | None = None
    environment: bytes | None = None


def prepare(process: BaseProcess) -> Preparation:
    """What ``process`` will need."""
    source = _main_module.source()
    return Preparation(
        name=process.name,
        daemon=process.daemon,
        authkey=bytes(process.authkey),
        parent=parent(),
        start_method=_default.get(),
        sys_path=_absolute_path(),
        argv=list(sys.argv),
        directory=_directory(),
        main=None if source is None else (source.name, source.path),
        signal_mask=[int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        logging=_logging_setup(),
    )


def parent() -> _bootstrap.Parent:
    """This process, as its children know it."""
    place = _kernel.member()
    assert place is not None
    return current_process().name, os.getpid(), place, _outcome.failures()


@contextmanager
def packed(process: BaseProcess, prepared: Preparation) -> Iterator[tuple[_kernel.Parcel, int]]:
    """The inheritance of a child that has to unpickle ``process``, and the child's end of its luggage (-1: none).

    The luggage is held until the end of the body.

    Two parcels, the second travelling in the first: what is in the second may need the main module
    and ``sys.path`` to unpickle, which the first brings.
    """
    luggage = Luggage()
    try:
        with luggage.packing():
            parcel = _kernel.pack(process)
        yield _kernel.pack((tuple(prepared), parcel)), luggage.child_end()
    finally:
        luggage.close()


def unpacked(parcel: _kernel.Parcel) -> tuple[Preparation, _kernel.Parcel]:
    """In the child: the preparation, and the process still packed."""
    prepared, process = _kernel.unpack(parcel)
    return Preparation(*prepared), process


def apply(prepared: Preparation) -> None:
    """In the child: take over the parent's state, and run its main module.

    :raises BaseException: whatever the main module raises.
    """
    # As after a fork.  A pool starts its workers with SIGINT blocked, until they ignore it.
    signal.pthread_sigmask(signal.SIG_SETMASK, prepared.signal_mask)
    current = current_process()
    current.name = prepared.name
    current.authkey = prepared.authkey
    _default.force(prepared.start_method)
    sys.path[:] = prepared.sys_path
    sys.argv[:] = prepared.argv
    if prepared.directory is not None:
        os.chdir(prepared.directory)
    if prepared.umask is not None:
        os.umask(prepared.umask)
    if prepared.environment is not None:
        _environment.become(prepared.environment)
    _main_module.load(None if prepared.main is None else _main_module.Source(*prepared.main))
    if prepared.logging is not None:
        _logging.repeat(_pickling.loads(prepared.logging))


def _absolute_path() -> list[str]:
    """``sys.path`` with the entry that means "where the program was started" spelled out."""
    return [entry or _main_module.START_DIRECTORY for entry in sys.path]


def _logging_setup() -> bytes | None:
    made = _logging.setup()
    return None if made is None else _pickling.dumps(made)


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # it was removed
