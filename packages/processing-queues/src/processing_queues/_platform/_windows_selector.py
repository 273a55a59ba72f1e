"""Windows: a poller of sockets, pipes and events; a descriptor of the selector's own only if it is asked for."""

from __future__ import annotations

import selectors
import sys
from collections import deque
from contextlib import suppress

from processing_core.annotations import Any
from processing_core.lowlevel import READABLE, WRITABLE, Poller, ThreadRLock, open_set, polled

assert sys.platform == "win32"  # for type checkers

__all__ = ["Selector"]

_LONGEST = 0.1  # seconds; then the waiting thread looks whether the listener was closed


class Selector(selectors.SelectSelector):
    """Selects the listening socket and the pending connections of a listener."""

    _set: Any = None
    _tells = True  # the set waits for what is registered

    def __init__(self) -> None:
        super().__init__()
        self._guard = ThreadRLock()  # held while what is registered, or the set, changes

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """See `selectors`."""
        with self._guard:
            key = super().register(fileobj, events, data)
            if self._set is not None and self._tells:
                self._set.register(key.fd, _mask(key))
            return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """See `selectors`."""
        with self._guard:
            key = super().unregister(fileobj)
            if self._set is not None and self._tells:
                self._set_forgets(key)
            return key

    def close(self) -> None:
        """See `selectors`."""
        with self._guard:
            super().close()
            if self._set is not None:
                self._set.close()

    def fileno(self) -> int:
        """A socket that is readable when something is ready, unless a thread selects; then, from `tell` on."""
        with self._guard:
            if self._set is None:
                made = open_set()
                for key in self._keys() if self._tells else ():
                    made.register(key.fd, _mask(key))
                self._set = made
            return int(self._set.fileno())

    def tell(self) -> None:
        """The thread has selected: let `fileno` be readable when something is ready, and not before."""
        with self._guard:
            for key in self._keys() if self._set is not None and not self._tells else ():
                with suppress(OSError):  # the program has closed it
                    self._set.register(key.fd, _mask(key))
            self._tells = True

    def _hush(self) -> None:
        """Have the set wait for nothing, and its socket unreadable.

        Else it would tell later of what was ready and no longer is: threads of the system tell it, when they get to it.
        """
        with self._guard:
            if self._tells and self._set is not None:
                for key in self._keys():
                    self._set_forgets(key)  # no thread tells of it when this returns
                self._set.clear()
                deque(self._set.poll(), 0)  # what they have told
            self._tells = False

    def _set_forgets(self, key: selectors.SelectorKey) -> None:
        with suppress(FileNotFoundError):  # it was closed
            self._set.unregister(key.fd)

    def identity(self) -> None:
        """None: it need not have a descriptor."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for that many seconds; see `selectors`."""
        ready = dict(polled(self._poller(), timeout))
        return [(key, key.events) for key in self._keys() if key.fd in ready]

    def wait(self, timeout: float | None) -> None:
        """Wait until something is ready, or for that many seconds; it may return earlier."""
        self._hush()
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
