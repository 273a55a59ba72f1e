"""The types that tests of managers register, and the functions that their children run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import processing_core
from processing_core.lowlevel import yield_processor
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
from processing_testing.children import killing, odd
from processing_testing.children.functions import Unloadable
from processing_testing.fuzz.malformed import failures_of_threads
from processing_testing.harness import encryption
from processing_testing.harness.rendezvous import RendezvousClient


class Account:
    """A referent with methods of all kinds."""

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
    """A proxy for an iterator."""

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


class Odd:
    """A referent that behaves badly."""

    def fail(self, kind: str) -> None:
        """Raise one of `odd.ERRORS`."""
        odd.fail(kind)

    def unpicklable(self, kind: type[BaseException]) -> object:
        """An object whose pickling raises."""
        return odd.RaisesWhenDumped(kind)

    def number(self) -> int:
        """A result that can be sent."""
        return 1


class Bank(BaseManager):
    """A manager with accounts."""


class Watched(SyncManager):
    """A manager that says how many threads its server has."""


Watched.register("thread_count", threading.active_count)

Bank.register("Account", Account)
Bank.register("Deposit", Account, DepositProxy)
Bank.register("Counted", Account, exposed=("deposit", "numbers"), method_to_typeid={"numbers": "Numbers"})
Bank.register("Numbers", proxytype=NumbersProxy, create_method=False)
Bank.register("Point", Point, NamespaceProxy)
Bank.register("Odd", Odd)
Bank.register("Same")


def deposit_in(what: Any) -> None:
    """Use an account, or a manager of accounts."""
    account = what.Account(0) if isinstance(what, BaseManager) else what  # type: ignore[attr-defined]
    account.deposit(1)


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


def deposit_at(address: Any, authkey: bytes, rendezvous: str) -> None:
    """Connect to a bank from another family, and report the balance."""
    processing_core.current_process().authkey = b"of another family"
    bank: Any = Bank(address, authkey)
    bank.connect()
    RendezvousClient(rendezvous).send([bank.Account(5).deposit(10)])


def make_and_append(manager: Any, items: Any) -> None:
    """Create an object through a manager of another process, and append it to a list."""
    items.append(manager.list([1]))


def append_and_report(manager: Any, items: Any, answers: Any) -> None:
    """Append to a list, and put its content, and that of a list that the manager makes, into a queue."""
    items.append("by a child")
    answers.put([*items._getvalue(), *manager.list(["by its manager"])._getvalue()])


def hold(proxy: Any, address: str) -> None:
    """Keep a used proxy until the test ends this process."""
    len(proxy)
    client = RendezvousClient(address)
    client.send(os.getpid())
    client.wait_for_release()
    client.close()


def hold_and_wait(held: list[Any], awaited: list[tuple[Any, str]], address: str) -> None:
    """Hold some proxies and wait for others until the test ends this process."""
    for lock in held:
        lock.acquire()
    for proxy, method in awaited:
        threading.Thread(target=getattr(proxy, method), daemon=True).start()
    client = RendezvousClient(address)
    client.send(os.getpid())
    client.wait_for_release()
    client.close()


def call_until_gone(items: Any, event: Any, address: str) -> None:
    """Call in a loop, and wait in another thread; report when each thread noticed that the server is gone."""
    noticed: list[tuple[str, float]] = []

    def call_until_error(name: str, method: Callable[[], object]) -> None:
        try:
            while True:
                method()
        except ServerGone:
            noticed.append((name, time.monotonic()))

    waiting = threading.Thread(target=call_until_error, args=("waiting", event.wait))
    waiting.start()
    client = RendezvousClient(address)
    client.send(os.getpid())
    call_until_error("calling", items.copy)
    waiting.join()
    client.send(sorted(noticed))
    client.close()


def count_calls(items: Any, over: Any, enough: int, address: str) -> None:
    """Call until ``over`` is set; report when there were ``enough`` calls, and the number of calls at the end."""
    client = RendezvousClient(address)
    len(items)
    client.send(os.getpid())
    client.wait_for_release()
    count = 0
    while not over.is_set():
        len(items)
        count += 1
        if count == enough:
            client.send(count)
    client.send(count)
    client.close()


def collect_errors(manager: Any, items: Any, results: Any) -> None:
    """Make calls that fail, and put their errors into the results; then a call that works."""
    gone = manager.Namespace(x=1)
    gone._link.release(gone._id)
    manager._number_of_objects()  # returns after the server has handled the release
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
    client = RendezvousClient(address)
    client.send([os.getpid(), manager._process.pid, len(shared)])
    client.wait_for_release()
    client.close()


def remember(where: str) -> None:
    """An initializer that sets an environment variable."""
    os.environ["REMEMBERED"] = where


def remembered() -> str:
    """What the initializer stored in the environment."""
    return os.environ["REMEMBERED"]


def refuse() -> None:
    """An initializer that raises."""
    raise Overdrawn(1, 2)


def die() -> None:
    """An initializer that dies."""
    killing.kill(os.getpid())


def increment(namespace: Any, lock: Any, times: int) -> None:
    """Count under a managed lock."""
    for _ in range(times):
        with lock:
            namespace.count += 1


def wait_at_barrier(barrier: Any, results: Any) -> None:
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
    """Run a manager's server until a message asks it to end; then report the descriptors and threads that are left."""
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
    while threading.active_count() > threads:  # threads of connections that were just closed
        yield_processor()
    telling.send((len(os.listdir("/proc/self/fd")) - before, failures))
