"""A user's program, typed: managed objects, what they hold, and what is registered."""

from __future__ import annotations

from collections.abc import Iterator

import processing
from processing.managers import (
    AcquirerProxy,
    BaseManager,
    BaseProxy,
    DictProxy,
    ListProxy,
    NamespaceProxy,
    QueueProxy,
    SetProxy,
    SyncManager,
    ValueProxy,
)


def count(stock: DictProxy[str, int], lock: AcquirerProxy, name: str) -> int:
    with lock:
        stock[name] = stock.get(name, 0) + 1
        return stock[name]


def use(manager: SyncManager) -> int:
    typed: DictProxy[str, int] = manager.dict()
    inferred = manager.dict(apples=1)
    apples: int = inferred["apples"]
    pairs: list[tuple[str, int]] = inferred.items()
    numbers = manager.list([1])
    first: int = numbers[0]
    some: list[int] = numbers[1:]
    doubled: ListProxy[int] = numbers
    doubled *= 2
    names: SetProxy[str] = manager.set({"a", "b"})
    common: set[str] = names & {"a"}
    value: ValueProxy[float] = manager.Value("d", 1.5)
    value.value += 1
    tasks: QueueProxy[str] = manager.Queue()
    tasks.put("work")
    word: str = tasks.get(timeout=1)
    space: NamespaceProxy = manager.Namespace(x=1)
    space.y = 2
    each: Iterator[int] = iter(numbers)
    total = sum(each) + sum(number for number in numbers)
    return count(typed, manager.Lock(), word) + apples + first + len(some) + len(common) + len(pairs) + total


class Bank(BaseManager):
    account = processing.managers.CreatorMethod(dict, DictProxy)


def connect(address: tuple[str, int], key: bytes) -> Bank:
    bank = Bank.from_address(address, key)
    proxy: BaseProxy = bank.account(owner="me")
    print(proxy)
    return bank


def who_is_gone() -> object:
    try:
        with processing.Manager() as manager:
            return use(manager)
    except processing.ServerGone as error:
        return error.address, error.pid
