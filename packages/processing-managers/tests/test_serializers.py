"""Managers whose messages are written in XML."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processing_managers import RemoteError, SyncManager
from processing_managers._wire.messages import CONTROL, hello
from processing_queues import Client, Queue
from processing_testing.children import managed

Context = Any

VALUES = ["text", "t\u00ebxt", None, True, 2.25, -7, 1 << 80, b"\x00\xff", [1, [2]], {"a": {"b": 1}}]


@pytest.fixture
def manager(context: Context) -> Iterator[SyncManager]:
    with SyncManager(("localhost", 0), b"key", "xmlrpclib", context) as manager:
        yield manager


def test_values_come_back(manager: SyncManager) -> None:
    items = manager.list()
    for value in VALUES:
        items.append(value)
    assert items._getvalue() == VALUES
    items.append((1, 2))
    assert items[-1] == [1, 2], "XML-RPC has no tuples"
    assert manager.dict(a=1).keys() == ["a"]


def test_what_xml_lacks_is_refused_before_it_is_sent(manager: SyncManager) -> None:
    items = manager.list()
    for value in (print, managed.Account(5), {1}):
        with pytest.raises(TypeError):
            items.append(value)
    items.append("still there")
    assert items._getvalue() == ["still there"]


def test_what_a_method_raises_or_cannot_return_is_a_remote_error(manager: SyncManager) -> None:
    with pytest.raises(RemoteError, match="Empty"):
        manager.Queue().get_nowait()
    numbers = manager.dict(a=1)
    with pytest.raises(RemoteError, match="cannot write"):
        numbers._callmethod("__iter__")  # the iterator would come as a proxy
    with pytest.raises(RemoteError, match="KeyError"):
        numbers["b"]
    assert numbers["a"] == 1, "the connection serves on"


def test_proxies_and_managers_travel(manager: SyncManager, context: Context) -> None:
    items, answers = manager.list([1]), Queue[Any]()
    child = context.Process(target=managed.append_and_report, args=(manager, items, answers))
    child.start()
    assert answers.get(timeout=30) == [1, "by a child", "by its manager"]
    child.join()
    assert child.exitcode == 0 and items._getvalue() == [1, "by a child"]


@pytest.mark.parametrize(("theirs", "ours"), [("xmlrpclib", "pickle"), ("pickle", "xmlrpclib")])
def test_another_serializer_is_reported(context: Context, theirs: str, ours: str) -> None:
    with SyncManager(("localhost", 0), b"key", theirs, context) as manager:
        other = SyncManager(manager.address, b"key", ours)
        with pytest.raises(ValueError, match=f"serializer '{ours}': the manager's server at .* has another"):
            other.connect()
        assert manager.list([1])._getvalue() == [1]


class RunsCode:
    """An object that runs code when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


def test_the_server_unpickles_nothing(manager: SyncManager, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    with Client(manager.address, authkey=b"key") as connection:
        connection.send_bytes(hello(CONTROL, b"an unknown one", 0))
        connection.recv_bytes()
        connection.send_bytes(pickle.dumps(RunsCode(folder)))
        with pytest.raises((EOFError, OSError)):
            connection.recv_bytes()
    assert not folder.exists()
    assert manager.list([1])._getvalue() == [1]
