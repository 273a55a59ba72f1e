"""Windows: a poller of sockets, pipes and events, and no descriptor of the selector's own."""

from __future__ import annotations

import selectors
import sys

from processing_core.annotations import Any
from processing_core.lowlevel import READABLE, WRITABLE, Poller, polled

assert sys.platform == "win32"  # for type checkers

__all__ = ["Selector"]

_LONGEST = 0.1  # seconds; then the waiting thread looks whether the listener was closed


class Selector(selectors.SelectSelector):
    """Selects the listening socket and the pending connections of a listener."""

    _first = -1

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """See `selectors`; the first one that is registered is the listening socket."""
        key = super().register(fileobj, events, data)
        self._first = key.fd if self._first < 0 else self._first
        return key

    def fileno(self) -> int:
        """The listening socket's."""
        return self._first

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for that many seconds; see `selectors`."""
        ready = dict(polled(self._poller(), timeout))
        return [(key, key.events) for fd, key in self._keys() if fd in ready]

    def wait(self, timeout: float | None) -> None:
        """Wait until something is ready, or for that many seconds; it may return earlier."""
        polled(self._poller(), _LONGEST if timeout is None else min(_LONGEST, timeout))

    def _poller(self) -> Any:
        poller = Poller()
        for fd, key in self._keys():
            writes = WRITABLE if key.events & selectors.EVENT_WRITE else 0
            poller.register(fd, READABLE | writes)
        return poller

    def _keys(self) -> list[tuple[int, selectors.SelectorKey]]:
        return [(key.fd, key) for key in self.get_map().values()]
