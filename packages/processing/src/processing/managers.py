"""Managers: objects that live in a process of their own, and the proxies that stand for them elsewhere."""

from __future__ import annotations

from processing_managers.managers import AcquirerProxy as AcquirerProxy
from processing_managers.managers import ArrayProxy as ArrayProxy
from processing_managers.managers import AsyncResultProxy as AsyncResultProxy
from processing_managers.managers import AutoProxy as AutoProxy
from processing_managers.managers import BarrierProxy as BarrierProxy
from processing_managers.managers import BaseManager as BaseManager
from processing_managers.managers import BaseProxy as BaseProxy
from processing_managers.managers import ConditionProxy as ConditionProxy
from processing_managers.managers import CreatorMethod as CreatorMethod
from processing_managers.managers import DictProxy as DictProxy
from processing_managers.managers import EventProxy as EventProxy
from processing_managers.managers import IteratorProxy as IteratorProxy
from processing_managers.managers import ListProxy as ListProxy
from processing_managers.managers import MakeProxyType as MakeProxyType
from processing_managers.managers import Manager as Manager
from processing_managers.managers import Namespace as Namespace
from processing_managers.managers import NamespaceProxy as NamespaceProxy
from processing_managers.managers import PoolProxy as PoolProxy
from processing_managers.managers import QueueProxy as QueueProxy
from processing_managers.managers import RebuildProxy as RebuildProxy
from processing_managers.managers import RemoteError as RemoteError
from processing_managers.managers import ServerGone as ServerGone
from processing_managers.managers import SetProxy as SetProxy
from processing_managers.managers import SharedMemoryManager as SharedMemoryManager
from processing_managers.managers import SyncManager as SyncManager
from processing_managers.managers import Token as Token
from processing_managers.managers import ValueProxy as ValueProxy

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
