"""`SyncManager`: a manager of what programs share most, and `Manager`, which starts one."""

from __future__ import annotations

import array
import builtins
import queue
import threading
from collections.abc import Callable, Iterable

from processing_core import BaseContext
from processing_core.annotations import Any, TypeVar, overload
from processing_core.lowlevel import context_of
from processing_managers._manager.base_manager import BaseManager
from processing_managers._proxies.array_proxy import ArrayProxy
from processing_managers._proxies.async_result_proxy import AsyncResultProxy
from processing_managers._proxies.dict_proxy import DictProxy
from processing_managers._proxies.iterator_proxy import IteratorProxy
from processing_managers._proxies.list_proxy import ListProxy
from processing_managers._proxies.namespace import ManagedValue, Namespace, NamespaceProxy, ValueProxy
from processing_managers._proxies.pool_proxy import PoolProxy
from processing_managers._proxies.primitive_proxies import (
    AcquirerProxy,
    BarrierProxy,
    ConditionProxy,
    EventProxy,
    QueueProxy,
)
from processing_managers._proxies.proxy import BaseProxy, referent_of
from processing_managers._proxies.set_proxy import SetProxy

__all__ = ["Manager", "SyncManager"]

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
P = TypeVar("P", bound=BaseProxy)


class SyncManager(BaseManager):
    """A manager of lists, dicts, sets, namespaces, values, arrays, queues, pools and ``threading``'s primitives.

    Each method makes an object in the server, and returns a proxy for it; each blocks, and raises as `BaseManager`'s
    methods do.  `Manager` makes one that is started.
    """

    @overload
    def list(self, /) -> ListProxy[Any]: ...
    @overload
    def list(self, items: Iterable[T], /) -> ListProxy[T]: ...
    def list(self, *items: Iterable[Any]) -> ListProxy[Any]:
        """A list."""
        return self._make(ListProxy, "list", *items)

    @overload
    def dict(self, /) -> DictProxy[Any, Any]: ...
    @overload
    def dict(self, /, **pairs: V) -> DictProxy[str, V]: ...
    @overload
    def dict(self, other: builtins.dict[K, V], /) -> DictProxy[K, V]: ...
    @overload
    def dict(self, other: Iterable[tuple[K, V]], /) -> DictProxy[K, V]: ...
    @overload
    def dict(self, other: Any, /, **pairs: Any) -> DictProxy[Any, Any]: ...
    def dict(self, /, *other: Any, **pairs: Any) -> DictProxy[Any, Any]:
        """A dict."""
        return self._make(DictProxy, "dict", *other, **pairs)

    @overload
    def set(self, /) -> SetProxy[Any]: ...
    @overload
    def set(self, items: Iterable[T], /) -> SetProxy[T]: ...
    def set(self, *items: Iterable[Any]) -> SetProxy[Any]:
        """A set."""
        return self._make(SetProxy, "set", *items)

    def Namespace(self, /, **attributes: Any) -> NamespaceProxy:
        """An object with attributes."""
        return self._make(NamespaceProxy, "Namespace", **attributes)

    def Value(self, typecode: Any, value: T, lock: bool = True) -> ValueProxy[T]:
        """A value; ``typecode`` and ``lock`` are accepted as by `processing.Value`, and ignored."""
        return self._make(ValueProxy, "Value", typecode, value, lock=lock)

    def Array(self, typecode: str, sequence: Iterable[T], lock: bool = True) -> ArrayProxy[T]:
        """An `array.array`; ``lock`` is accepted as by `processing.Array`, and ignored."""
        return self._make(ArrayProxy, "Array", typecode, sequence)

    def Queue(self, maxsize: int = 0) -> QueueProxy[Any]:
        """A `queue.Queue`."""
        return self._make(QueueProxy, "Queue", maxsize)

    def JoinableQueue(self, maxsize: int = 0) -> QueueProxy[Any]:
        """A `queue.Queue`, as :meth:`Queue`."""
        return self._make(QueueProxy, "JoinableQueue", maxsize)

    def Lock(self) -> AcquirerProxy:
        """A `threading.Lock`."""
        return self._make(AcquirerProxy, "Lock")

    def RLock(self) -> AcquirerProxy:
        """A `threading.RLock`; it belongs to the thread that acquires it, in whatever process."""
        return self._make(AcquirerProxy, "RLock")

    def Semaphore(self, value: int = 1) -> AcquirerProxy:
        """A `threading.Semaphore`."""
        return self._make(AcquirerProxy, "Semaphore", value)

    def BoundedSemaphore(self, value: int = 1) -> AcquirerProxy:
        """A `threading.BoundedSemaphore`."""
        return self._make(AcquirerProxy, "BoundedSemaphore", value)

    def Condition(self, lock: AcquirerProxy | None = None) -> ConditionProxy:
        """A `threading.Condition`; ``lock`` is one of this manager's."""
        return self._make(ConditionProxy, "Condition", lock)

    def Event(self) -> EventProxy:
        """A `threading.Event`."""
        return self._make(EventProxy, "Event")

    def Barrier(
        self, parties: int, action: Callable[[], object] | None = None, timeout: float | None = None
    ) -> BarrierProxy:
        """A `threading.Barrier`; ``action`` is called in the server."""
        return self._make(BarrierProxy, "Barrier", parties, action, timeout)

    def Pool(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: BaseContext | None = None,
    ) -> PoolProxy:
        """A pool whose workers are the server's children.

        :param context: the context whose start method the workers are started by; ``None`` for the manager's.
        :raises AttributeError: if no package that offers pools was imported.
        """
        # The class travels with the call, for the server need not have imported what offers it.
        factory = (self._ctx if context is None else context_of(context, "context")).Pool
        return self._make(PoolProxy, "Pool", factory, processes, initializer, initargs, maxtasksperchild)

    def _make(self, kind: type[P], typeid: str, /, *args: Any, **kwds: Any) -> P:
        proxy: P = self._proxy(typeid, *args, **kwds)
        return proxy


def Manager(*, nested: bool = False, context: BaseContext | None = None) -> SyncManager:
    """A `SyncManager` whose server is started.  Blocks until it listens.

    :param nested: make lists, dicts and sets managed that are put into managed lists and dicts.
    :param context: the context whose start method the server is started by.

    >>> import processing
    >>> manager = processing.Manager()  # doctest: +SKIP
    >>> numbers = manager.list(range(3))  # doctest: +SKIP
    >>> print(numbers)  # doctest: +SKIP
    [0, 1, 2]
    """
    manager = SyncManager(ctx=context_of(context, "context"), nested=nested)
    manager.start()
    return manager


def _condition(lock: Any = None) -> Any:
    from processing_managers._server.managed_locks import Condition

    return Condition(referent_of(lock))


def _array(typecode: str, sequence: Iterable[Any]) -> array.array[Any]:
    return array.array(typecode, sequence)


def _pool(factory: Callable[..., Any], *args: Any) -> Any:
    return factory(*args)


_TYPES: dict[str, tuple[Callable[..., Any] | None, type[BaseProxy]]] = {
    "list": (list, ListProxy),
    "dict": (dict, DictProxy),
    "set": (set, SetProxy),
    "Namespace": (Namespace, NamespaceProxy),
    "Value": (ManagedValue, ValueProxy),
    "Array": (_array, ArrayProxy),
    "Queue": (queue.Queue, QueueProxy),
    "JoinableQueue": (queue.Queue, QueueProxy),
    "Lock": (threading.Lock, AcquirerProxy),
    "RLock": (threading.RLock, AcquirerProxy),
    "Semaphore": (threading.Semaphore, AcquirerProxy),
    "BoundedSemaphore": (threading.BoundedSemaphore, AcquirerProxy),
    "Condition": (_condition, ConditionProxy),
    "Event": (threading.Event, EventProxy),
    "Barrier": (threading.Barrier, BarrierProxy),
    "Pool": (_pool, PoolProxy),
    "Iterator": (None, IteratorProxy),
    "AsyncResult": (None, AsyncResultProxy),
}

for _typeid, (_callable, _proxytype) in _TYPES.items():
    SyncManager.register(_typeid, _callable, _proxytype, create_method=False)
