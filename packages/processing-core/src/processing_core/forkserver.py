"""What programs know from ``multiprocessing.forkserver``."""

from __future__ import annotations

from collections.abc import Iterable

from processing_core._family import ensure_family
from processing_core._start._settings import set_forkserver_preload as set_forkserver_preload
from processing_core.annotations import Literal

__all__ = ["ForkServer", "ensure_running", "get_inherited_fds", "set_forkserver_preload"]


class ForkServer:
    """The forkserver of this process; all objects of this class refer to that one."""

    def ensure_running(self) -> None:
        """Start it, unless it runs.  Blocks no longer than that takes.

        :raises OSError: if the system refuses.
        """
        from processing_core._start._forkserver import running_server

        ensure_family()
        running_server()

    @property
    def _forkserver_pid(self) -> int | None:
        """Its process id, by which programs look whether it runs, or signal it; ``None`` if it does not run."""
        from processing_core._start._forkserver import present_server

        present = present_server()
        return None if present is None else present.pid

    def _stop(self) -> None:
        """End it, as tests do between them; the next start makes another."""
        from processing_core._start._forkserver import stop

        stop()

    def get_inherited_fds(self) -> list[int] | None:
        """``None``: a child of this package's forkserver inherits no descriptors by their numbers."""
        return None

    def set_forkserver_preload(
        self, modules_names: Iterable[str], *, on_error: Literal["ignore", "warn", "fail"] = "ignore"
    ) -> None:
        """As `processing.set_forkserver_preload`."""
        set_forkserver_preload(modules_names, on_error=on_error)


server: ForkServer = ForkServer()


def ensure_running() -> None:
    """Start the forkserver of this process, unless it runs.  Blocks no longer than that takes.

    :raises OSError: if the system refuses.
    """
    server.ensure_running()


def get_inherited_fds() -> list[int] | None:
    """``None``: a child of this package's forkserver inherits no descriptors by their numbers."""
    return server.get_inherited_fds()
