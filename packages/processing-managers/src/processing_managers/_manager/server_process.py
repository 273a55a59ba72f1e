"""The server process of a manager: its start and its end."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable

from processing_core import BaseContext, Process
from processing_core.annotations import Any, NoReturn, signal
from processing_managers._errors import ServerGone
from processing_managers._server.registry import Registry
from processing_managers._wire.keys import Seal, unseal
from processing_managers._wire.messages import failure, pack_failure
from processing_queues import Queue
from processing_sync import Event

__all__ = ["ServerProcess"]

_SLICE = 0.2  # seconds after which the parent tests whether a silent child is alive

_TERMINATES_AT_ONCE = sys.platform == "win32"
"""Whether SIGTERM cannot be handled: then no exit function of the server's would run."""

_Report = tuple[Any] | tuple[bytes, str]


class ServerProcess:
    """The process, as its manager sees it.

    :param served: the registry, the address, the key, whether containers are nested, and the serializer's name.
    :param timeout: seconds for its end after it is asked to end.
    """

    def __init__(
        self,
        context: BaseContext,
        name: str,
        served: tuple[Registry, Any, bytes, bool, str],
        initializer: Callable[..., object] | None,
        initargs: Iterable[Any],
        timeout: float,
    ) -> None:
        registry, address, authkey, nested, serializer = served
        self._seal = Seal(authkey)
        self._report: Queue[_Report] = Queue()
        self._asked = Event() if _TERMINATES_AT_ONCE else None
        served_by = (registry, address, self._seal.sealed, nested, serializer)
        args = (self._report, self._asked, *served_by, initializer, tuple(initargs))
        self.process: Process = context.Process(target=_live, args=args, daemon=True)
        self.process.name = f"{name}-{':'.join(map(str, self.process._identity))}"
        self.process._reports_start_failure = False  # the manager's error has it as its cause
        self._timeout = timeout
        self._owner = os.getpid()

    def start(self) -> Any:
        """Start it.  Blocks until it listens.

        :return: the address.
        :raises BaseException: what the initializer raised, or the listener.
        """
        self.process.start()
        address = _heard(self._report, self.process)
        del self._seal, self._report
        return address

    def stop(self) -> None:
        """End it, if it was started; blocks until it has ended. Does nothing in a process that was forked meanwhile."""
        if self._owner != os.getpid() or self.process.pid is None:
            return
        ends = [self.ask_to_end, self.process.terminate, self.process.kill]
        for end in ends if self._asked is not None else ends[1:]:
            if not self.process.is_alive():
                break
            end()
            self.process.join(self._timeout)
        self.process.join()

    def ask_to_end(self) -> None:
        """Ask it to end in the order in which processes end; does not block."""
        if self._asked is None:
            self.process.terminate()
        else:
            self._asked.set()


def _heard(report: Queue[_Report], process: Process) -> Any:
    while True:
        ended = not process.is_alive()
        try:
            message = report.get(timeout=0 if ended else _SLICE)
        except queue.Empty:
            if not ended:
                continue
            raise _ended_early(process) from process.exception
        if len(message) == 1:
            return message[0]
        raise failure(*message)


def _ended_early(process: Process) -> ServerGone:
    error = process.exception
    why = "" if error is None else f": {type(error).__name__}: {error}"
    return ServerGone(f"the manager's server ended at its start, exit code {process.exitcode}{why}")


def _live(
    report: Queue[_Report],
    asked: Event | None,
    registry: Registry,
    address: Any,
    sealed_key: bytes,
    nested: bool,
    serializer: str,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """Run the server process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the clients' affair
    signal.signal(signal.SIGTERM, _end)
    from processing_managers._server.server import Server
    from processing_managers._wire.serializers import serializer_named

    try:
        if initializer is not None:
            initializer(*initargs)
        authkey = unseal(sealed_key)
        assert authkey is not None
        server = Server(registry, address, authkey, nested=nested, serializer=serializer_named(serializer))
    except BaseException as error:
        report.put(pack_failure(error))
        sys.exit(1)
    if asked is not None:
        threading.Thread(target=_end_when_asked, args=(asked, server.stop_event), daemon=True).start()
    report.put((server.address,))
    server.serve_forever()


def _end_when_asked(asked: Event, stop: threading.Event) -> None:
    asked.wait()
    stop.set()


def _end(signum: int, frame: object) -> NoReturn:
    # Of the program's code, the main thread runs only the initializer.
    sys.exit(0)
