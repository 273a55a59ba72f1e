"""Pickles of earlier versions name private modules that have moved: the old names lead to the same objects."""

from __future__ import annotations

import importlib

import pytest

_MOVED = [
    ("_array", "Array", "_shared.array"),
    ("_array", "RawArray", "_shared.array"),
    ("_array", "SynchronizedArray", "_shared.array"),
    ("_array", "SynchronizedString", "_shared.array"),
    ("_array_proxy", "ArrayProxy", "_proxies.array_proxy"),
    ("_dict_proxy", "DictProxy", "_proxies.dict_proxy"),
    ("_dict_proxy", "IteratorProxy", "_proxies.iterator_proxy"),
    ("_dict_proxy", "SetProxy", "_proxies.set_proxy"),
    ("_list_proxy", "ListProxy", "_proxies.list_proxy"),
    ("_namespace", "Namespace", "_proxies.namespace"),
    ("_namespace", "NamespaceProxy", "_proxies.namespace"),
    ("_namespace", "ValueProxy", "_proxies.namespace"),
    ("_pool_proxy", "AsyncResultProxy", "_proxies.async_result_proxy"),
    ("_pool_proxy", "PoolProxy", "_proxies.pool_proxy"),
    ("_primitive_proxies", "AcquirerProxy", "_proxies.primitive_proxies"),
    ("_primitive_proxies", "BarrierProxy", "_proxies.primitive_proxies"),
    ("_primitive_proxies", "ConditionProxy", "_proxies.primitive_proxies"),
    ("_primitive_proxies", "EventProxy", "_proxies.primitive_proxies"),
    ("_primitive_proxies", "QueueProxy", "_proxies.primitive_proxies"),
    ("_proxy", "AutoProxy", "_proxies.proxy"),
    ("_proxy", "BaseProxy", "_proxies.proxy"),
    ("_proxy", "RebuildProxy", "_proxies.proxy"),
    ("_proxy", "Token", "_proxies.proxy"),
    ("_raw", "_rebuild", "_shared.raw"),
    ("_shareable_list", "ShareableList", "_shared.shareable_list"),
    ("_shareable_list", "_attached", "_shared.shareable_list"),
    ("_shared_array", "SharedArray", "_shared.shared_array"),
    ("_shared_array", "_rebuilt", "_shared.shared_array"),
    ("_shared_memory", "SharedMemory", "_shared.shared_memory"),
    ("_shared_memory", "_attached", "_shared.shared_memory"),
    ("_shared_memory_manager", "SharedMemoryManager", "_manager.shared_memory_manager"),
    ("_sync_manager", "SyncManager", "_manager.sync_manager"),
    ("_synchronized", "Synchronized", "_shared.synchronized"),
    ("_synchronized", "SynchronizedBase", "_shared.synchronized"),
    ("_synchronized", "_rebuilt", "_shared.synchronized"),
    ("_value", "RawValue", "_shared.value"),
    ("_value", "Value", "_shared.value"),
    ("_wrapping", "synchronized", "_shared.synchronized"),
    ("_manager", "_arrived", "_manager.base_manager"),
]


@pytest.mark.parametrize(("old", "name", "new"), _MOVED)
def test_the_old_name_leads_to_the_same_object(old: str, name: str, new: str) -> None:
    there = importlib.import_module(f"processing_managers.{old}")
    here = importlib.import_module(f"processing_managers.{new}")
    assert getattr(there, name) is getattr(here, name)
