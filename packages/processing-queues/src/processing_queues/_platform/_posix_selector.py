"""POSIX: a selector is itself a descriptor that becomes readable."""

from __future__ import annotations

import selectors

from processing_core.lowlevel import file_identity, readable

__all__ = ["Selector"]


class Selector(selectors.DefaultSelector):
    """Selects the listening socket and the pending connections of a listener."""

    def identity(self) -> tuple[int, int] | None:
        """That of its descriptor, which the program may close."""
        return file_identity(self.fileno())

    def wait(self, timeout: float | None) -> None:
        """Wait until something is ready, or for that many seconds; it may return earlier."""
        # Not by `select`, which takes an `InterruptedError` that a signal handler raises for its own.
        readable(self.fileno(), timeout)

    def tell(self) -> None:
        """Nothing: its descriptor is readable as long as something is ready."""
