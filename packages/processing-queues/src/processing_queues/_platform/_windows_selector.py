"""Windows: a poller of sockets, pipes and events; a descriptor of the selector's own only if it is asked for."""

from __future__ import annotations

import selectors
import sys
from contextlib import suppress

from processing_core.annotations import Any
from processing_core.lowlevel import READABLE, WRITABLE, Poller, open_set, polled

assert sys.platform == "win32"  # for type checkers

__all__ = ["Selector"]

_LONGEST = 0.1  # seconds; then the waiting thread looks whether the listener was closed


class Selector(selectors.SelectSelector):
    """Selects the listening socket and the pending connections of a listener."""

    _set: Any = None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """See `selectors`."""
        key = super().register(fileobj, events, data)
        if self._set is not None:
            self._set.register(key.fd, _mask(key))
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """See `selectors`."""
        key = super().unregister(fileobj)
        if self._set is not None:
            with suppress(FileNotFoundError):  # it was closed
                self._set.unregister(key.fd)
        return key

    def close(self) -> None:
        """See `selectors`."""
        super().close()
        if self._set is not None:
            self._set.close()

    def fileno(self) -> int:
        """A socket that is readable when something is ready, until the next `select`."""
        if self._set is None:
            made = open_set()
            for key in self._keys():
                made.register(key.fd, _mask(key))
            self._set = made
        return int(self._set.fileno())

    def identity(self) -> None:
        """None: it need not have a descriptor."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for that many seconds; see `selectors`."""
        if self._set is not None:
            self._set.clear()
            for _ in self._set.poll():
                pass  # it is told again, once, if it is still ready then
        ready = dict(polled(self._poller(), timeout))
        return [(key, key.events) for key in self._keys() if key.fd in ready]

    def wait(self, timeout: float | None) -> None:
        """Wait until something is ready, or for that many seconds; it may return earlier."""
        polled(self._poller(), _LONGEST if timeout is None else min(_LONGEST, timeout))

    def _poller(self) -> Any:
        poller = Poller()
        for key in self._keys():
            poller.register(key.fd, READABLE | _mask(key))
        return poller

    def _keys(self) -> list[selectors.SelectorKey]:
        return list(self.get_map().values())


def _mask(key: selectors.SelectorKey) -> int:
    reads = READABLE if key.events & selectors.EVENT_READ else 0
    return reads | (WRITABLE if key.events & selectors.EVENT_WRITE else 0)
