"""What a start method is, to a ``Process``."""

from __future__ import annotations

from processing_core._process import BaseProcess
from processing_core._start._child import Child
from processing_core.annotations import Protocol

__all__ = ["StartMethod"]


class StartMethod(Protocol):
    """A way to start a process."""

    def __call__(self, process: BaseProcess) -> Child:
        """Start ``process``.

        The caller is a member of a family.  On an exception nothing is left behind.

        :raises Exception: if ``process`` cannot be pickled, or the system refuses.
        """
