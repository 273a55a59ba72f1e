"""State shared between processes: values, arrays, memory, and objects behind managers.

Programs import `processing`, which offers all of this and more.  Names that are not in ``__all__`` belong to one of the
submodules :mod:`~processing_managers.managers`, :mod:`~processing_managers.sharedctypes` and
:mod:`~processing_managers.shared_memory`.
"""

from __future__ import annotations

from importlib import import_module as _import_module

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import on_demand as _on_demand
from processing_core.lowlevel import register_factory as _register_factory
from processing_managers._factory import make_manager as _make_manager
from processing_managers._shared import leftovers as _leftovers  # for what it does when the program ends

if TYPE_CHECKING:
    from processing_managers._shared.array import Array as Array
    from processing_managers._shared.array import RawArray as RawArray
    from processing_managers._shared.shared_array import SharedArray as SharedArray
    from processing_managers._shared.value import RawValue as RawValue
    from processing_managers._shared.value import Value as Value
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
    from processing_managers.managers import call_async as call_async

__version__ = "1.0.0"

__all__ = ["Value", "RawValue", "Array", "RawArray", "SharedArray", "Manager", "RemoteError", "ServerGone"]

_loaded = _leftovers
__path__.append(f"{__path__[0]}/_moved")  # where pickles of earlier versions find what they name

_register_factory("Manager", _make_manager, takes_context=True)

_HOMES = {
    "Array": "_shared.array",
    "RawArray": "_shared.array",
    "RawValue": "_shared.value",
    "SharedArray": "_shared.shared_array",
    "Value": "_shared.value",
}

if not TYPE_CHECKING:  # for a checker would take every name then
    _load = _on_demand(globals(), _HOMES)

    def __getattr__(name: str) -> object:
        # A child that only uses a `Value` does without the 5 ms that managers take.
        if name not in _HOMES and not name.startswith("_"):
            managers = _import_module("processing_managers.managers")
            if name in managers.__all__:
                # All at once, so that pickle finds each class without this function: what a signal handler raises in
                # it, pickle would replace by an error of its own. But not `Server`, unless it is asked for.
                there = vars(managers)
                globals().update({each: there[each] for each in managers.__all__ if each in there})
                return getattr(managers, name)
        return _load(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
