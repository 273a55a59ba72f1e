"""What the tests of managers register, and the functions that their children run; found under every start method."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import processing_core
from processing_managers import (
    BaseManager,
    BaseProxy,
    MakeProxyType,
    NamespaceProxy,
    RemoteError,
    ServerGone,
    SyncManager,
)
from processing_queues import Connection
from processing_testing import encryption
from processing_testing.children import Unloadable
from processing_testing.fuzzing import failures_of_threads
from processing_testing.meeting import Visit


class Account:
    """A referent with a bit of everything."""

    def __init__(self, balance: int = 0) -> None:
        self.balance = balance

    def deposit(self, amount: int) -> int:
        if amount < 0:
            raise Overdrawn(self.balance, amount)
        self.balance += amount
        return self.balance

    def reject(self) -> None:
        raise Unsendable(threading.Lock())

    def lock(self) -> Any:
        return threading.Lock()

    def unloadable(self) -> Unloadable:
        return Unloadable()

    def numbers(self) -> Iterator[int]:
        yield from range(self.balance)

    def _secret(self) -> str:
        return "secret"


class Overdrawn(Exception):
    """An exception with attributes."""

    def __init__(self, balance: int, amount: int) -> None:
        super().__init__(balance, amount)
        self.balance, self.amount = balance, amount


class Unsendable(Exception):
    """An exception that cannot be pickled."""


class NumbersProxy(BaseProxy):
    """An iterator's."""

    _exposed_ = ("__next__",)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self._callmethod("__next__")


class Point:
    """A referent with attributes."""

    def __init__(self, x: int) -> None:
        self.x = x


DepositProxy = MakeProxyType("DepositProxy", ("deposit", "_secret"))


class Bank(BaseManager):
    """Makes accounts."""


class Watched(SyncManager):
    """Tells how many threads its server has."""


Watched.register("thread_count", threading.active_count)

Bank.register("Account", Account)
Bank.register("Deposit", Account, DepositProxy)
Bank.register("Counted", Account, exposed=("deposit", "numbers"), method_to_typeid={"numbers": "Numbers"})
Bank.register("Numbers", proxytype=NumbersProxy, create_method=False)
Bank.register("Point", Point, NamespaceProxy)
Bank.register("Same")


def call(proxy: Any, method: str, *args: Any) -> None:
    """Call a method."""
    getattr(proxy, method)(*args)


def call_all(proxies: dict[str, list[Any]], method: str, *args: Any) -> None:
    """Call a method of every proxy in a nest of containers."""
    for proxy in proxies["these"]:
        call(proxy, method, *args)


def append_many(proxy: Any, count: int) -> None:
    """Append from two threads."""
    threads = [threading.Thread(target=lambda: [proxy.append(1) for _ in range(count)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def deposit_at(address: Any, authkey: bytes, visit: str) -> None:
    """Connect to a bank, as a stranger would, and tell the test what it did."""
    processing_core.current_process().authkey = b"of another family"
    bank: Any = Bank(address, authkey)
    bank.connect()
    Visit(visit).say([bank.Account(5).deposit(10)])


def make_and_append(manager: Any, items: Any) -> None:
    """Make an object by way of a manager that came from elsewhere, and put it into another."""
    items.append(manager.list([1]))


def hold(proxy: Any, address: str) -> None:
    """Keep a used proxy until the test ends this process."""
    len(proxy)
    visit = Visit(address)
    visit.say(os.getpid())
    visit.stay()
    visit.leave()


def hold_and_wait(held: list[Any], awaited: list[tuple[Any, str]], address: str) -> None:
    """Hold some and wait for others until the test ends this process."""
    for lock in held:
        lock.acquire()
    for proxy, method in awaited:
        threading.Thread(target=getattr(proxy, method), daemon=True).start()
    visit = Visit(address)
    visit.say(os.getpid())
    visit.stay()
    visit.leave()


def call_until_gone(items: Any, event: Any, address: str) -> None:
    """Call all the time, and wait in another thread; tell the test who heard when that the server is gone."""
    heard: list[tuple[str, float]] = []

    def call_and_tell(who: str, method: Callable[[], object]) -> None:
        try:
            while True:
                method()
        except ServerGone:
            heard.append((who, time.monotonic()))

    waiting = threading.Thread(target=call_and_tell, args=("waiting", event.wait))
    waiting.start()
    visit = Visit(address)
    visit.say(os.getpid())
    call_and_tell("calling", items.copy)
    waiting.join()
    visit.say(sorted(heard))
    visit.leave()


def count_calls(items: Any, over: Any, enough: int, address: str) -> None:
    """Call until it is over; tell the test when that was often enough, and how often it was in the end."""
    visit = Visit(address)
    len(items)
    visit.say(os.getpid())
    visit.stay()
    count = 0
    while not over.is_set():
        len(items)
        count += 1
        if count == enough:
            visit.say(count)
    visit.say(count)
    visit.leave()


def collect_errors(manager: Any, items: Any, results: Any) -> None:
    """Do what cannot be done, and put what it raises into the results; then what can."""
    gone = manager.Namespace(x=1)
    gone._link.release(gone._id)
    manager._number_of_objects()  # when that is done
    wrongs: list[Callable[[], object]] = [
        lambda: items[5],
        lambda: items.append(threading.Lock()),
        lambda: items.append(Unloadable()),
        lambda: items._callmethod("sneeze"),
        lambda: gone.x,
    ]
    for wrong in wrongs:
        try:
            wrong()
        except Exception as error:
            far = isinstance(error.__cause__, RemoteError)
            results.append((type(error).__name__, "with the server's traceback" if far else "of here"))
    results.append(len(items))


def start_manager_and_tell(method: str, address: str) -> None:
    """Start a manager, tell the test its pid, and wait."""
    manager = processing_core.get_context(method).Manager()
    shared = manager.list([1])
    visit = Visit(address)
    visit.say([os.getpid(), manager._process.pid, len(shared)])
    visit.stay()
    visit.leave()


def remember(where: str) -> None:
    """An initializer."""
    os.environ["REMEMBERED"] = where


def remembered() -> str:
    """What the initializer did."""
    return os.environ["REMEMBERED"]


def refuse() -> None:
    """An initializer that raises."""
    raise Overdrawn(1, 2)


def die() -> None:
    """An initializer that dies."""
    os.kill(os.getpid(), signal.SIGKILL)


def increment(namespace: Any, lock: Any, times: int) -> None:
    """Count under a managed lock."""
    for _ in range(times):
        with lock:
            namespace.count += 1


def meet(barrier: Any, results: Any) -> None:
    """Wait at a barrier."""
    results.append(barrier.wait())


def answer(requests: Any, responses: Any) -> None:
    """Answer each request until there is a None."""
    for request in iter(requests.get, None):
        responses.put(request * 2)
        requests.task_done()
    requests.task_done()


def consume(condition: Any, items: Any, results: Any) -> None:
    """Take one item as soon as there is one."""
    with condition:
        condition.wait_for(lambda: len(items) > 0, 30)
        results.append(items.pop())


def serve_manager(telling: Connection, key: bytes, family: str, tls: bool) -> None:
    """Be a manager's server, until told to end; in the end, tell what is left."""
    context = encryption.server_context() if tls else None
    address = ("localhost", 0) if family == "AF_INET" else None
    server = Bank(address, key, ssl=context).get_server()
    failures = failures_of_threads()
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    telling.send(server.address)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    telling.recv()
    server.stop_event.set()
    serving.join()
    while threading.active_count() > threads:  # those that have just been hung up on
        os.sched_yield()
    telling.send((len(os.listdir("/proc/self/fd")) - before, failures))
