"""What programs know as ``Popen`` of ``multiprocessing.popen_fork`` and its like: a process started by one method.

A `Process` does without them.  They are for libraries that start a process object by another method than its own.
"""

from __future__ import annotations

from processing_core import _outcome
from processing_core._family import ensure_family
from processing_core._platform import SIGKILL
from processing_core._process import BaseProcess, checked_timeout
from processing_core._start._select import start_method
from processing_core.annotations import ClassVar, signal

__all__ = ["Popen", "PopenFork", "PopenForkServer", "PopenSpawn"]


class Popen:
    """A process that runs; making one starts it.

    Making one blocks until the process has started, under ``forkserver``.  Thread-safe.

    :param process_obj: what the process is to do; it is not changed.
    :raises TypeError: if the object is none of this library's processes.
    :raises ValueError: if this platform has no such start method.
    :raises Exception: if the object cannot be pickled, where the start method needs that.
    """

    method: ClassVar[str]

    def __init__(self, process_obj: BaseProcess) -> None:
        if not isinstance(process_obj, BaseProcess):
            raise TypeError(
                f"this starts processes of this library, not {process_obj!r}: its class was imported from elsewhere, "
                "perhaps before the modules of multiprocessing were replaced"
            )
        ensure_family()
        before = process_obj._popen
        try:
            self._child = start_method(self.method)(process_obj)
        finally:
            process_obj._popen = before

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def sentinel(self) -> int:
        """A descriptor that becomes readable when it ends."""
        return self._child.sentinel

    @property
    def returncode(self) -> int | None:
        """Its exit code, as far as `poll` or `wait` know; ``-N`` if signal ``N`` ended it."""
        return self._child.returncode

    def poll(self, flag: int = 0) -> int | None:
        """Its exit code; ``None`` while it runs.  Does not block.

        :param flag: for ``multiprocessing``'s signature; means nothing.
        """
        return self._ended(self._child.poll())

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end.  Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        :return: the exit code; ``None`` if the time was up.
        """
        return self._ended(self._child.wait(checked_timeout(timeout)))

    def _ended(self, code: int | None) -> int | None:
        """Forget the exception of a child that has failed: this object does not tell it."""
        serial = self._child.member_id[1]
        if code and _outcome.take(serial) is not None:
            _outcome.forget(serial)
        return code

    def interrupt(self) -> None:
        """Send it SIGINT.  Does not block."""
        self._child.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """Send it SIGTERM.  Does not block."""
        self._child.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL.  Does not block."""
        self._child.send_signal(SIGKILL)

    def close(self) -> None:
        """Release the descriptors.  Does not block."""
        self._child.close()


class PopenFork(Popen):
    """A process that is started by ``fork``."""

    method = "fork"


class PopenForkServer(Popen):
    """A process that is started by ``forkserver``."""

    method = "forkserver"


class PopenSpawn(Popen):
    """A process that is started by ``spawn``."""

    method = "spawn"


for _class in (PopenFork, PopenForkServer, PopenSpawn):
    _class.__name__ = _class.__qualname__ = "Popen"
