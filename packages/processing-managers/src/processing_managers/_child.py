"""The server process of a manager: its start, its life, its end."""

from __future__ import annotations

import os
import queue
import signal
import sys
from collections.abc import Callable, Iterable

from processing_core import BaseContext, Process
from processing_core.annotations import Any, NoReturn
from processing_managers._errors import ServerGone
from processing_managers._keys import Seal, unseal
from processing_managers._messages import failure, pack_failure
from processing_managers._registry import Registry
from processing_queues import Queue

__all__ = ["ServerProcess"]

_SLICE = 0.2  # seconds after which a silent child is asked whether it lives

_Report = tuple[Any] | tuple[bytes, str]


class ServerProcess:
    """The process, as its manager sees it.

    :param timeout: seconds that it has to end when it is asked to.
    """

    def __init__(self, process: Process, timeout: float) -> None:
        self.process = process
        self._timeout = timeout
        self._owner = os.getpid()

    def stop(self) -> None:
        """End it; blocks until it has.  Does nothing in a process that was forked meanwhile."""
        if self._owner != os.getpid():
            return
        for end in (self.process.terminate, self.process.kill):
            if not self.process.is_alive():
                break
            end()
            self.process.join(self._timeout)
        self.process.join()


def start(
    context: BaseContext,
    name: str,
    served: tuple[Registry, Any, bytes, bool],
    initializer: Callable[..., object] | None,
    initargs: Iterable[Any],
) -> tuple[Process, Any]:
    """Start a server.

    :param served: the registry, the address, the key, and whether containers are nested.
    :return: the process, and the address.
    :raises BaseException: what the initializer raised, or the listening.
    """
    registry, address, authkey, nested = served
    seal = Seal(authkey)
    report: Queue[_Report] = Queue()
    args = (report, registry, address, seal.sealed, nested, initializer, tuple(initargs))
    process = context.Process(target=_live, args=args, daemon=True)
    process.name = f"{name}-{':'.join(map(str, process._identity))}"
    process.start()
    try:
        return process, _heard(report, process)
    except BaseException:
        process.terminate()
        process.join()
        raise


def _heard(report: Queue[_Report], process: Process) -> Any:
    while True:
        ended = not process.is_alive()
        try:
            message = report.get(timeout=0 if ended else _SLICE)
        except queue.Empty:
            if not ended:
                continue
            raise ServerGone(f"the manager's server ended at its start, exit code {process.exitcode}") from None
        if len(message) == 1:
            return message[0]
        raise failure(*message)


def _live(
    report: Queue[_Report],
    registry: Registry,
    address: Any,
    sealed_key: bytes,
    nested: bool,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """What the server process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the clients' affair
    signal.signal(signal.SIGTERM, _end)
    from processing_managers._server import Server

    try:
        if initializer is not None:
            initializer(*initargs)
        authkey = unseal(sealed_key)
        assert authkey is not None
        server = Server(registry, address, authkey, nested=nested)
    except BaseException as error:
        report.put(pack_failure(error))
        sys.exit(1)
    report.put((server.address,))
    server.serve_forever()


def _end(signum: int, frame: object) -> NoReturn:
    # The main thread runs nobody's code but the initializer's.
    sys.exit(0)
