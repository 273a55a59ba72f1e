"""Managers: objects in a process of their own, and the proxies that represent them in other processes."""

from __future__ import annotations

from processing_core import ProcessError as ProcessError
from processing_core import get_context as get_context
from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import get_spawning_popen as get_spawning_popen
from processing_core.lowlevel import watch_exit as _watch_exit
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
from processing_managers.managers import State as State
from processing_managers.managers import SyncManager as SyncManager
from processing_managers.managers import Token as Token
from processing_managers.managers import ValueProxy as ValueProxy
from processing_managers.managers import call_async as call_async

_watch_exit()

if TYPE_CHECKING:
    from processing_managers.managers import Server as Server
    from processing_managers.managers import SharedMemoryManager as SharedMemoryManager
    from processing_managers.managers import convert_to_error as convert_to_error
    from processing_managers.managers import dispatch as dispatch

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
    "BaseListProxy",
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

BaseListProxy = ListProxy
BasePoolProxy = PoolProxy
_BaseDictProxy = DictProxy
HAS_SHMEM = True

if not TYPE_CHECKING:  # for a checker would take every name then

    def __getattr__(name: str) -> object:
        if name not in ("Server", "SharedMemoryManager", "convert_to_error", "dispatch"):  # which few programs name
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from processing_managers import managers

        globals()[name] = getattr(managers, name)
        return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
