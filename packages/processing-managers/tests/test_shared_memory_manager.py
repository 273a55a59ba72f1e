from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_core import StateError
from processing_managers import ServerGone
from processing_managers.managers import SharedMemoryManager
from processing_managers.shared_memory import ShareableList, SharedMemory
from processing_testing.children import sharing
from processing_testing.harness.mechanisms import needs_memory_files


@pytest.fixture
def manager(context: processing_core.BaseContext) -> Iterator[SharedMemoryManager]:
    with SharedMemoryManager(ctx=context) as manager:
        yield manager


def exists(memory: SharedMemory) -> bool:
    return (Path("/dev/shm") / memory.name).exists()


def test_what_it_makes_goes_with_it(manager: SharedMemoryManager) -> None:
    memory, items = manager.SharedMemory(size=8), manager.ShareableList([1, "a"])
    assert type(memory) is SharedMemory and type(items) is ShareableList
    assert manager._list_segments() == [memory.name, items.shm.name]
    manager.shutdown()
    assert not exists(memory) and not exists(items.shm)
    memory.buf[0] = 1  # a process that has it open can still use it
    assert memory.buf[0] == 1 and list(items) == [1, "a"]
    memory.close(), items.shm.close()


def test_others_use_it(manager: SharedMemoryManager, context: Any) -> None:
    memory = manager.SharedMemory(10)
    child = context.Process(target=sharing.write_byte, args=(memory, 3))
    child.start()
    child.join()
    assert child.exitcode == 0 and memory.buf[3] == 3
    memory.close()


def test_what_was_unlinked_before(manager: SharedMemoryManager) -> None:
    first, second = manager.SharedMemory(8), manager.SharedMemory(8)
    first.unlink()
    manager.shutdown()
    assert not exists(second)
    first.close(), second.close()


@pytest.mark.parametrize("wrong", [0, -1])
def test_sizes(manager: SharedMemoryManager, wrong: int) -> None:
    with pytest.raises(ValueError, match="size"):
        manager.SharedMemory(wrong)


def test_items(manager: SharedMemoryManager) -> None:
    with pytest.raises(TypeError):
        manager.ShareableList([object()])
    with pytest.raises(struct.error):
        manager.ShareableList([2**64])
    assert manager._list_segments() == []


@needs_memory_files
def test_a_server_that_was_killed(manager: SharedMemoryManager) -> None:
    memory = manager.SharedMemory(8)
    assert manager._process is not None
    manager._process.kill()
    manager._process.join()
    with pytest.raises(ServerGone):
        manager.SharedMemory(8)
    assert Path("/dev/shm", memory.name).exists()
    memory.close()
    memory.unlink()


def test_states() -> None:
    manager = SharedMemoryManager()
    with pytest.raises(StateError):
        manager.SharedMemory(8)
    with manager, pytest.raises(StateError):
        manager.get_server()
    with pytest.raises(StateError):
        manager.ShareableList([1])


def test_one_that_does_not_serve_is_refused_as_multiprocessing_does() -> None:
    manager = SharedMemoryManager()
    for make in (lambda: manager.SharedMemory(size=9), lambda: manager.ShareableList([1])):
        with pytest.raises(ValueError, match="not started") as caught:
            make()
        assert isinstance(caught.value, StateError)
