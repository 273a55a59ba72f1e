"""`Manager`, which needs no server: threads share objects as they are."""

from __future__ import annotations

import threading

from processing.dummy import _queue, _shared, _sync
from processing.dummy._pool import ThreadPool
from processing_core.annotations import TYPE_CHECKING, Any, Self

__all__ = ["Manager", "Namespace"]


class Namespace:
    """An object with attributes, and nothing else.

    >>> from processing.dummy import Namespace
    >>> Namespace(x=1)
    Namespace(x=1)
    """

    def __init__(self, /, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def __repr__(self) -> str:
        shown = sorted(f"{name}={value!r}" for name, value in self.__dict__.items() if not name.startswith("_"))
        return f"{type(self).__name__}({', '.join(shown)})"


class Manager:
    """Makes what a `processing.Manager` makes, as plain objects.

    >>> from processing.dummy import Manager
    >>> with Manager() as manager:
    ...     manager.list(range(3))
    [0, 1, 2]
    """

    list = list
    dict = dict
    set = set
    Namespace = Namespace
    Value = _shared.Value
    Array = _shared.Array
    Queue = _queue.Queue
    JoinableQueue = _queue.JoinableQueue
    Semaphore = _sync.Semaphore
    BoundedSemaphore = _sync.BoundedSemaphore
    Condition = _sync.Condition
    Event = _sync.Event
    Barrier = _sync.Barrier
    Pool = ThreadPool

    def Lock(self) -> threading.Lock:
        """A lock."""
        return threading.Lock()

    def RLock(self) -> _sync.RLock:
        """A lock that its holder can acquire again."""
        return _sync.RLock()

    def start(self) -> None:
        """Do nothing: there is no server."""

    def shutdown(self) -> None:
        """Do nothing: there is no server."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
