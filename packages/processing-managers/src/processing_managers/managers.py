"""Managers: objects in a process of their own, and the proxies that represent them in other processes."""

from __future__ import annotations

from importlib import import_module as _import_module

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import claim as _claim
from processing_managers._client.call_async import call_async as call_async
from processing_managers._errors import RemoteError as RemoteError
from processing_managers._errors import ServerGone as ServerGone
from processing_managers._manager.base_manager import BaseManager as BaseManager
from processing_managers._manager.creator_method import CreatorMethod as CreatorMethod
from processing_managers._manager.state import State as State
from processing_managers._manager.sync_manager import Manager as Manager
from processing_managers._manager.sync_manager import SyncManager as SyncManager
from processing_managers._proxies.array_proxy import ArrayProxy as ArrayProxy
from processing_managers._proxies.async_result_proxy import AsyncResultProxy as AsyncResultProxy
from processing_managers._proxies.dict_proxy import DictProxy as DictProxy
from processing_managers._proxies.iterator_proxy import IteratorProxy as IteratorProxy
from processing_managers._proxies.list_proxy import ListProxy as ListProxy
from processing_managers._proxies.namespace import Namespace as Namespace
from processing_managers._proxies.namespace import NamespaceProxy as NamespaceProxy
from processing_managers._proxies.namespace import ValueProxy as ValueProxy
from processing_managers._proxies.pool_proxy import PoolProxy as PoolProxy
from processing_managers._proxies.primitive_proxies import AcquirerProxy as AcquirerProxy
from processing_managers._proxies.primitive_proxies import BarrierProxy as BarrierProxy
from processing_managers._proxies.primitive_proxies import ConditionProxy as ConditionProxy
from processing_managers._proxies.primitive_proxies import EventProxy as EventProxy
from processing_managers._proxies.primitive_proxies import QueueProxy as QueueProxy
from processing_managers._proxies.proxy import AutoProxy as AutoProxy
from processing_managers._proxies.proxy import BaseProxy as BaseProxy
from processing_managers._proxies.proxy import MakeProxyType as MakeProxyType
from processing_managers._proxies.proxy import RebuildProxy as RebuildProxy
from processing_managers._proxies.proxy import Token as Token
from processing_managers._proxies.set_proxy import SetProxy as SetProxy

if TYPE_CHECKING:
    from processing_managers._client.dispatch import convert_to_error as convert_to_error
    from processing_managers._client.dispatch import dispatch as dispatch
    from processing_managers._manager.shared_memory_manager import SharedMemoryManager as SharedMemoryManager
    from processing_managers._server.server import Server as Server

__all__ = [
    # managers
    "Manager",
    "SyncManager",
    "SharedMemoryManager",
    "BaseManager",
    "CreatorMethod",
    "State",
    "Server",
    # proxies
    "BaseProxy",
    "MakeProxyType",
    "AutoProxy",
    "RebuildProxy",
    "Token",
    "ListProxy",
    "DictProxy",
    "SetProxy",
    "IteratorProxy",
    "Namespace",
    "NamespaceProxy",
    "ValueProxy",
    "ArrayProxy",
    "AcquirerProxy",
    "ConditionProxy",
    "EventProxy",
    "BarrierProxy",
    "QueueProxy",
    "PoolProxy",
    "AsyncResultProxy",
    "call_async",
    # errors
    "RemoteError",
    "ServerGone",
]


_RARE = {
    "Server": "_server.server",
    "SharedMemoryManager": "_manager.shared_memory_manager",
    "convert_to_error": "_client.dispatch",
    "dispatch": "_client.dispatch",
}
"""What few programs name, and which module has it, whose import takes 1 or 2 ms."""

if not TYPE_CHECKING:  # for a checker would take every name then

    def __getattr__(name: str) -> object:
        if name not in _RARE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(_import_module(f"{__package__}.{_RARE[name]}"), name)
        if name in __all__:
            found.__module__ = __package__
            setattr(_import_module(__package__), name, found)  # where pickle looks for it
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_claim(__name__, __all__, __package__)
