"""Managers: objects that live in a process of their own, and the proxies that stand for them elsewhere."""

from __future__ import annotations

from processing_managers._array_proxy import ArrayProxy as ArrayProxy
from processing_managers._creator_method import CreatorMethod as CreatorMethod
from processing_managers._dict_proxy import DictProxy as DictProxy
from processing_managers._dict_proxy import IteratorProxy as IteratorProxy
from processing_managers._dict_proxy import SetProxy as SetProxy
from processing_managers._errors import RemoteError as RemoteError
from processing_managers._errors import ServerGone as ServerGone
from processing_managers._list_proxy import ListProxy as ListProxy
from processing_managers._manager import BaseManager as BaseManager
from processing_managers._namespace import Namespace as Namespace
from processing_managers._namespace import NamespaceProxy as NamespaceProxy
from processing_managers._namespace import ValueProxy as ValueProxy
from processing_managers._pool_proxy import AsyncResultProxy as AsyncResultProxy
from processing_managers._pool_proxy import PoolProxy as PoolProxy
from processing_managers._primitive_proxies import AcquirerProxy as AcquirerProxy
from processing_managers._primitive_proxies import BarrierProxy as BarrierProxy
from processing_managers._primitive_proxies import ConditionProxy as ConditionProxy
from processing_managers._primitive_proxies import EventProxy as EventProxy
from processing_managers._primitive_proxies import QueueProxy as QueueProxy
from processing_managers._proxy import AutoProxy as AutoProxy
from processing_managers._proxy import BaseProxy as BaseProxy
from processing_managers._proxy import MakeProxyType as MakeProxyType
from processing_managers._proxy import RebuildProxy as RebuildProxy
from processing_managers._proxy import Token as Token
from processing_managers._shared_memory_manager import SharedMemoryManager as SharedMemoryManager
from processing_managers._sync_manager import Manager as Manager
from processing_managers._sync_manager import SyncManager as SyncManager

__all__ = [
    # managers
    "Manager",
    "SyncManager",
    "SharedMemoryManager",
    "BaseManager",
    "CreatorMethod",
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
    # errors
    "RemoteError",
    "ServerGone",
]


for _name in __all__:
    globals()[_name].__module__ = __package__
