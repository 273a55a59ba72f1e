"""What a process that was not forked from its parent must know before it can unpickle."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from processing_core import _logging, _main_module, _outcome, _pickling
from processing_core._current import Parent, current_process
from processing_core._luggage import Luggage
from processing_core._native import _kernel
from processing_core._process import BaseProcess
from processing_core._start import _default, _environment
from processing_core.annotations import TYPE_CHECKING, Any

__all__ = [
    "Preparation",
    "apply",
    "apply_again",
    "changes",
    "packed",
    "parent",
    "prepare",
    "prepare_served",
]


if TYPE_CHECKING:
    from processing_core.annotations import TypedDict

    class Preparation(TypedDict, total=False):
        """The state of the parent that a child starts with; it takes it over in this order.

        A plain dictionary, for the kernel encodes that without pickle.
        """

        signal_mask: int
        name: str
        authkey: bytes
        parent: Parent
        start_method: str | None
        sys_path: list[str]
        argv: list[str]
        directory: str | None  # None: it was removed
        umask: int | None  # None: it is inherited
        environment: bytes | None  # likewise
        main: tuple[str | None, str | None] | None  # a `Source`, plain for the same reason
        logging: bytes | None  # packed by itself, for the handler's class may be the main module's
else:
    Preparation = dict


def prepare(process: BaseProcess) -> Preparation:
    """What ``process`` will need, but for what an executed program inherits."""
    source = _main_module.source()
    return {
        "signal_mask": _kernel.signal_mask(),
        "name": process.name,
        "authkey": bytes(process.authkey),
        "parent": parent(),
        "start_method": _default.get(),
        "sys_path": _absolute_path(),
        "argv": list(sys.argv),
        "directory": _directory(),
        "umask": None,
        "environment": None,
        "main": None if source is None else (source.name, source.path),
        "logging": _logging_setup(),
    }


def prepare_served(process: BaseProcess) -> Preparation:
    """What ``process`` will need, all of it."""
    return {**prepare(process), "umask": _environment.umask(), "environment": _environment.snapshot()}


def changes(prepared: Preparation, before: Preparation) -> Preparation:
    """What differs between two preparations, and what every child is told."""
    differing = {key: value for key, value in prepared.items() if before.get(key) != value}
    return {"signal_mask": prepared["signal_mask"], "name": prepared["name"], **differing}  # type: ignore[typeddict-item]


def parent() -> Parent:
    """This process, as its children know it."""
    place = _kernel.member()
    assert place is not None
    return current_process().name, os.getpid(), place, _outcome.mailbox()


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
        yield _kernel.pack((prepared, parcel)), luggage.child_end()
    finally:
        luggage.close()


def apply(prepared: Preparation) -> None:
    """In the child: take over the parent's state, and run its main module.

    :param prepared: all of it, or what differs from the state of the forkserver.
    :raises BaseException: whatever the main module raises, or raised in the forkserver.
    """
    if "main" not in prepared:
        _main_module.check()
    for key, value in prepared.items():
        take_over = _TAKE_OVER.get(key)
        if take_over is not None:
            take_over(value)


def apply_again(prepared: Preparation) -> None:
    """In the forkserver: take over anew what the main module may have changed when it was run."""
    apply({key: value for key, value in prepared.items() if key not in ("main", "logging")})  # type: ignore[arg-type]


def _set_name(name: str) -> None:
    current_process().name = name


def _set_authkey(authkey: bytes) -> None:
    current_process().authkey = authkey


def _set_path(path: list[str]) -> None:
    sys.path[:] = path


def _set_argv(argv: list[str]) -> None:
    sys.argv[:] = argv


def _set_directory(directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


def _set_umask(umask: int | None) -> None:
    if umask is not None:
        os.umask(umask)


def _set_environment(snapshot: bytes | None) -> None:
    if snapshot is not None:
        _environment.become(snapshot)


def _load_main(source: tuple[str | None, str | None] | None) -> None:
    _main_module.load(None if source is None else _main_module.Source(*source))


def _repeat_logging(made: bytes | None) -> None:
    if made is not None:
        _logging.repeat(_pickling.loads(made))


_TAKE_OVER: dict[str, Callable[[Any], object]] = {
    "signal_mask": _kernel.set_signal_mask,  # as after a fork; a pool starts its workers with SIGINT blocked
    "name": _set_name,
    "authkey": _set_authkey,
    "start_method": _default.force,
    "sys_path": _set_path,
    "argv": _set_argv,
    "directory": _set_directory,
    "umask": _set_umask,
    "environment": _set_environment,
    "main": _load_main,
    "logging": _repeat_logging,
}


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
