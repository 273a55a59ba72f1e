"""Proxies: builtin types within others, the other types, classes of the user; their references and errors."""

from __future__ import annotations

import array
import copy
import gc
import operator
import pickle
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from processing_core import HandleError, get_all_start_methods
from processing_managers import (
    ArrayProxy,
    BaseManager,
    BaseProxy,
    DictProxy,
    IteratorProxy,
    ListProxy,
    Manager,
    NamespaceProxy,
    RemoteError,
    SetProxy,
    SyncManager,
    ValueProxy,
)
from processing_testing.children.managed import Bank, DepositProxy, Overdrawn
from processing_testing.harness import scripts


@pytest.fixture(scope="module")
def manager() -> Iterator[SyncManager]:
    with Manager() as manager:
        yield manager


@pytest.fixture(scope="module")
def nesting() -> Iterator[SyncManager]:
    with Manager(nested=True) as manager:
        yield manager


@pytest.fixture(scope="module")
def bank() -> Iterator[Any]:
    with Bank() as bank:
        yield bank


def kept(manager: Any) -> int:
    """How many objects the server keeps, after the proxies that earlier tests left in cycles were collected."""
    gc.collect()
    count: int = manager._number_of_objects()
    return count


class TestNesting:
    def test_a_proxy_in_a_list(self, manager: SyncManager) -> None:
        outer, inner = manager.list(), manager.list([1])
        outer.append(inner)
        outer[0].append(2)
        assert inner == [1, 2] and isinstance(outer[0], ListProxy)
        assert str(outer).startswith("[<Proxy[list] object at 0x")
        inner.append(3)
        del inner
        assert outer.pop() == [1, 2, 3]

    def test_a_proxy_in_a_dict_in_a_list(self, manager: SyncManager) -> None:
        outer = manager.list([{"deep": manager.dict(x=1)}])
        outer[0]["deep"]["x"] = 2
        assert outer[0]["deep"] == {"x": 2}

    def test_a_fetched_container_is_a_copy(self, manager: SyncManager) -> None:
        outer = manager.list([[1]])
        outer[0].append(2)
        assert outer == [[1]]


class TestOthers:
    def test_namespace(self, manager: SyncManager) -> None:
        space = manager.Namespace(x=1, _hidden=2)
        space.y = [1]
        assert (space.x, space.y) == (1, [1])
        assert str(space) == "Namespace(x=1, y=[1])"
        del space.x
        with pytest.raises(AttributeError, match="no attribute 'x'"):
            _ = space.x
        with pytest.raises(AttributeError, match="_other"):
            _ = space._other

    def test_value(self, manager: SyncManager) -> None:
        value = manager.Value("i", 5)
        value.value += 1
        assert value.value == value.get() == 6
        value.set(7)
        assert str(value) == "Value('i', 7)" and isinstance(value, ValueProxy)

    def test_array(self, manager: SyncManager) -> None:
        numbers = manager.Array("i", range(4))
        numbers[0] = 9
        assert (len(numbers), numbers[0], list(numbers), numbers[1:3]) == (4, 9, [9, 1, 2, 3], array.array("i", [1, 2]))
        assert str(numbers) == "array('i', [9, 1, 2, 3])" and isinstance(numbers, ArrayProxy)
        with pytest.raises(TypeError):
            numbers[0] = "x"

    @pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
    def test_queue(self, manager: SyncManager, kind: str) -> None:
        tasks = getattr(manager, kind)(2)
        tasks.put(1)
        tasks.putMany([2])
        assert tasks.full() and tasks.qsize() == 2
        with pytest.raises(queue.Full):
            tasks.put_nowait(3)
        with pytest.raises(queue.Full):
            tasks.put(3, timeout=0.01)
        assert [tasks.get(), tasks.get_nowait()] == [1, 2] and tasks.empty()
        with pytest.raises(queue.Empty):
            tasks.get_nowait()
        with pytest.raises(queue.Empty):
            tasks.get(True, 0.01)
        tasks.task_done()
        tasks.task_done()
        tasks.join()
        with pytest.raises(ValueError, match="too many times"):
            tasks.task_done()

    @pytest.mark.skipif(not hasattr(queue.Queue, "shutdown"), reason="queue.Queue has no shutdown before 3.13")
    def test_a_queue_that_is_shut_down(self, manager: SyncManager) -> None:
        tasks = manager.Queue()
        tasks.shutdown()
        with pytest.raises(queue.ShutDown):
            tasks.get()

    def test_locks(self, manager: SyncManager) -> None:
        lock = manager.Lock()
        assert lock.acquire() and lock.locked() and not lock.acquire(False) and not lock.acquire(True, 0.01)
        lock.release()
        with pytest.raises(RuntimeError):
            lock.release()
        with lock:
            assert lock.locked()

    def test_an_rlock_belongs_to_a_thread(self, manager: SyncManager) -> None:
        lock = manager.RLock()
        with lock, lock:
            seen: list[bool] = []
            thread = threading.Thread(target=lambda: seen.append(lock.acquire(False)))
            thread.start()
            thread.join()
            assert seen == [False]
        with pytest.raises(RuntimeError):
            lock.release()

    def test_semaphores(self, manager: SyncManager) -> None:
        semaphore = manager.Semaphore(2)
        assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]
        bounded = manager.BoundedSemaphore(1)
        with bounded:
            assert not bounded.acquire(False)
        with pytest.raises(ValueError, match="released too many times"):
            bounded.release()

    @pytest.mark.parametrize("name", ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition"])
    def test_locked(self, manager: SyncManager, name: str) -> None:
        lock = getattr(manager, name)()
        seen = [lock.locked()]
        with lock:
            thread = threading.Thread(target=lambda: seen.append(lock.locked()))
            thread.start()
            thread.join()
            seen.append(lock.locked())
        assert [*seen, lock.locked()] == [False, True, True, False]

    def test_locked_of_a_condition_with_a_given_lock(self, manager: SyncManager) -> None:
        lock = manager.Lock()
        condition = manager.Condition(lock)
        with lock:
            assert condition.locked()
        assert not condition.locked()

    def test_fromkeys(self, manager: SyncManager) -> None:
        proxy = manager.dict(a=1)
        assert proxy.fromkeys(iter("bc")) == {"b": None, "c": None}
        assert proxy.fromkeys(["b"], 2) == {"b": 2}
        assert proxy.copy() == {"a": 1}

    def test_event(self, manager: SyncManager) -> None:
        event = manager.Event()
        assert not event.is_set() and not event.wait(0.01)
        threading.Thread(target=event.set).start()
        assert event.wait(30) and event.isSet()
        event.clear()
        assert not event.is_set()

    @pytest.mark.parametrize("own", [True, False], ids=["own lock", "given lock"])
    def test_condition(self, manager: SyncManager, own: bool) -> None:
        lock = manager.RLock()
        condition = manager.Condition() if own else manager.Condition(lock)
        with pytest.raises(RuntimeError):
            condition.notify()
        with condition:
            assert not condition.wait(0.01)
            assert own or lock.acquire(False)
            assert own or lock.release() is None
            assert not condition.wait_for(lambda: False, 0.01)
        reached: list[bool] = []

        def wait() -> None:
            with condition:
                ready.set()
                reached.append(condition.wait(30))

        ready = threading.Event()
        thread = threading.Thread(target=wait)
        thread.start()
        ready.wait()
        with condition:  # the lock is free as soon as the thread waits
            condition.notifyAll()
        thread.join()
        assert reached == [True]

    def test_barrier(self, manager: SyncManager) -> None:
        barrier = manager.Barrier(2)
        assert (barrier.parties, barrier.n_waiting, barrier.broken) == (2, 0, False)
        turns: list[int] = []
        thread = threading.Thread(target=lambda: turns.append(barrier.wait(30)))
        thread.start()
        turns.append(barrier.wait(30))
        thread.join()
        assert sorted(turns) == [0, 1]
        barrier.abort()
        assert barrier.broken
        with pytest.raises(threading.BrokenBarrierError):
            barrier.wait()
        barrier.reset()
        assert not barrier.broken


class TestDictIterators:
    @pytest.mark.parametrize("seen", [0, 3, 70, 100])
    def test_they_notice_that_the_dict_changes(self, manager: Any, seen: int) -> None:
        numbers = manager.dict({i: i for i in range(100)})
        keys = iter(numbers)
        assert [next(keys) for _ in range(seen)] == list(range(seen))
        numbers["another"] = 1
        with pytest.raises(RuntimeError, match="changed size during iteration"):
            list(keys)
        assert list(keys) == []

    def test_backwards_they_have_the_keys_of_their_beginning(self, manager: Any) -> None:
        numbers = manager.dict({i: i for i in range(3)})
        keys = reversed(numbers)
        numbers["another"] = 1
        assert list(keys) == [2, 1, 0] and type(keys) is type(iter([]))


class TestCustom:
    def test_all_public_methods(self, bank: Any) -> None:
        account = bank.Account(5)
        assert account.deposit(amount=10) == 15
        assert type(account).__name__ == "AutoProxy[Account]"
        assert not hasattr(account, "_secret") and not hasattr(account, "balance")
        with pytest.raises(AttributeError, match="'_secret' of 'Account' object is not in exposed=") as caught:
            account._callmethod("_secret")
        assert isinstance(caught.value, RemoteError)

    def test_a_made_proxy_type(self, bank: Any) -> None:
        account = bank.Deposit()
        assert type(account) is DepositProxy
        assert (account.deposit(1), account._secret()) == (1, "secret")
        assert not hasattr(account, "numbers")

    def test_methods_whose_results_stay(self, bank: Any) -> None:
        account = bank.Counted(3)
        assert not hasattr(account, "lock")
        numbers = account.numbers()
        assert isinstance(numbers, BaseProxy) and list(numbers) == [0, 1, 2]

    def test_an_iterator_that_cannot_be_sent_stays(self, bank: Any) -> None:
        before = kept(bank)
        numbers = bank.Account(3).numbers()
        assert isinstance(numbers, IteratorProxy) and next(numbers) == 0 and list(numbers) == [1, 2]
        del numbers
        assert bank._number_of_objects() == before

    def test_attributes(self, bank: Any) -> None:
        point = bank.Point(1)
        point.x += 1
        assert isinstance(point, NamespaceProxy) and point.x == 2

    def test_a_type_without_callable_keeps_its_argument(self, bank: Any) -> None:
        assert bank.Same([1, 2])._getvalue() == [1, 2]
        for wrong in [lambda: bank.Same(), lambda: bank.Same(1, 2), lambda: bank.Same(x=1)]:
            with pytest.raises(RemoteError, match="ValueError: Without callable"):
                wrong()

    def test_arguments_that_do_not_fit(self, bank: Any) -> None:
        with pytest.raises(RemoteError, match="TypeError: .*positional"):
            bank.Account(1, 2)

    def test_what_the_server_does_not_know(self, bank: Any) -> None:
        class Newer(Bank): ...

        Newer.register("Later", list)
        assert not hasattr(Bank, "Later")
        newer: Any = Newer(bank.address)
        newer.connect()
        with pytest.raises(RemoteError, match="'Later' is not registered"):
            newer.Later()


class TestErrors:
    def test_they_arrive_as_themselves(self, bank: Any) -> None:
        with pytest.raises(Overdrawn) as caught:
            bank.Account(5).deposit(-1)
        assert (caught.value.balance, caught.value.amount) == (5, -1)
        assert isinstance(caught.value.__cause__, RemoteError)
        assert "raise Overdrawn(self.balance, amount)" in str(caught.value.__cause__)

    def test_one_that_cannot_be_sent(self, bank: Any) -> None:
        with pytest.raises(RemoteError, match="Unsendable"):
            bank.Account().reject()

    def test_a_result_that_cannot_be_sent(self, bank: Any) -> None:
        account = bank.Account()
        with pytest.raises(RemoteError, match="TypeError: cannot pickle"):
            account.lock()
        assert account.deposit(1) == 1

    def test_an_argument_that_cannot_be_sent(self, bank: Any) -> None:
        account = bank.Account()
        with pytest.raises(TypeError, match="pickle"):
            account.deposit(threading.Lock())
        assert account.deposit(1) == 1

    def test_an_argument_that_does_not_arrive(self, manager: SyncManager) -> None:
        from processing_testing.children.functions import Unloadable

        items = manager.list()
        with pytest.raises(ValueError, match="does not load"):
            items.append(Unloadable())
        assert items == []

    def test_a_result_that_does_not_arrive(self, bank: Any) -> None:
        account = bank.Account(1)
        with pytest.raises(ValueError, match="does not load"):
            account.unloadable()
        assert account.deposit(1) == 2

    def test_the_way_stays_as_it_was(self, manager: SyncManager) -> None:
        items = manager.list()
        threads = {current.ident for current in threading.enumerate()}
        link: Any = items._link
        idle = list(link._threads.idle)
        for wrong in (lambda: items[5], lambda: items.append(threading.Lock()), lambda: items._callmethod("sneeze")):
            with pytest.raises((IndexError, TypeError, AttributeError)):
                wrong()
        assert link._threads.idle == idle
        assert {current.ident for current in threading.enumerate()} == threads
        gc.collect()  # the error is part of a cycle, and refers to the object that cannot be pickled

    def test_a_remote_error_travels(self) -> None:
        error = pickle.loads(pickle.dumps(RemoteError("text\n")))
        assert error.text == "text\n" and "text" in str(error)


class TestReferences:
    def test_ten_thousand_leave_nothing(self, manager: SyncManager) -> None:
        before = kept(manager)
        for _ in range(10_000):
            manager.list()
        assert manager._number_of_objects() == before

    def test_a_dropped_nest_leaves_nothing(self, manager: SyncManager) -> None:
        before = kept(manager)
        outer = manager.list([manager.dict(), manager.list([manager.list()])])
        assert manager._number_of_objects() == before + 4
        fetched = outer[1][0]
        del outer
        gc.collect()
        assert manager._number_of_objects() == before + 1
        assert fetched == []
        del fetched
        assert manager._number_of_objects() == before

    def test_results_that_stay_go(self, bank: Any) -> None:
        before = kept(bank)
        account = bank.Counted(3)
        for _ in range(5):
            next(account.numbers())
        del account
        assert bank._number_of_objects() == before

    def test_copies(self, manager: SyncManager) -> None:
        before = kept(manager)
        one = manager.list([1])
        other = copy.copy(one)
        data = pickle.dumps(one)
        third = pickle.loads(data)
        one.append(2)
        assert other == third == [1, 2]
        assert manager._number_of_objects() == before + 1
        del one, third
        assert other == [1, 2]
        del other
        assert manager._number_of_objects() == before
        with pytest.raises(HandleError, match="is gone"):
            pickle.loads(data)

    def test_a_pickle_keeps_its_referent(self, manager: SyncManager) -> None:
        before = kept(manager)
        data = pickle.dumps(manager.list([1]))
        assert manager._number_of_objects() == before + 1
        assert pickle.loads(data) == [1]
        assert manager._number_of_objects() == before

    def test_debug_info(self, manager: SyncManager) -> None:
        items = manager.list(["something"])
        assert "['something']" in manager._debug_info()
        assert f"{items._id}:       refcount=1" in manager._debug_info()


class TestShape:
    def test_reprs(self, manager: SyncManager) -> None:
        items = manager.list(range(3))
        assert repr(items) == f"<Proxy[list] object at {id(items):#x}>"
        assert str(items) == "[0, 1, 2]"
        lock = manager.Lock()
        assert repr(lock) == f"<{type(lock).__name__} object, typeid 'Lock' at {id(lock):#x}>"
        assert repr(manager.Event()).startswith("<EventProxy object, typeid 'Event' at 0x")

    def test_names_of_0_52(self, manager: SyncManager, monkeypatch: pytest.MonkeyPatch) -> None:
        items = manager.list([1])
        assert items._callMethod("__len__") == 1 and items._getValue() == [1]
        monkeypatch.setattr(ListProxy, "_getvalue", lambda self: "overridden")
        assert items._getValue() == "overridden"

    def test_classes_say_where_they_are_from(self) -> None:
        for cls in (BaseManager, SyncManager, BaseProxy, ListProxy, DictProxy, SetProxy, RemoteError):
            assert cls.__module__ == "processing_managers"


class TestNestedOption:
    def test_what_is_fetched_can_be_changed(self, nesting: SyncManager) -> None:
        stock: Any = nesting.dict({"a": []}, b={"deep": [1]})
        stock["a"].append({"x": set()})
        stock["a"][0]["x"].add(1)
        stock["b"]["deep"][0] = 5
        assert stock["a"][0]["x"] == {1} and stock["b"]["deep"] == [5]
        assert isinstance(stock["a"], ListProxy) and isinstance(stock["a"][0]["x"], SetProxy)

    @pytest.mark.parametrize(
        "put",
        [
            lambda it: it.append([1]),
            lambda it: it.insert(0, [1]),
            lambda it: it.extend([[1]]),
            lambda it: it.extend(([1],)),
            lambda it: operator.iadd(it, [[1]]),
            lambda it: operator.setitem(it, slice(0, 0), [[1]]),
        ],
    )
    def test_lists(self, nesting: SyncManager, put: Callable[[Any], Any]) -> None:
        items: Any = nesting.list()
        put(items)
        items[0].append(2)
        assert items[0] == [1, 2] and len(items) == 1

    @pytest.mark.parametrize(
        "put",
        [
            lambda it: it.setdefault("a", [1]),
            lambda it: it.update(a=[1]),
            lambda it: it.update({"a": [1]}),
            lambda it: it.update([("a", [1])]),
            lambda it: operator.ior(it, {"a": [1]}),
            lambda it: operator.setitem(it, "a", [1]),
        ],
    )
    def test_dicts(self, nesting: SyncManager, put: Callable[[Any], Any]) -> None:
        pairs: Any = nesting.dict()
        put(pairs)
        pairs["a"].append(2)
        assert pairs["a"] == [1, 2]

    def test_they_go_with_what_holds_them(self, nesting: SyncManager) -> None:
        before = kept(nesting)
        outer: Any = nesting.list([[[]], {"x": [1]}, (["plain"],), "text"])
        assert nesting._number_of_objects() == before + 5
        outer[2][0].append(1)
        assert outer[2] == (["plain"],)
        outer.pop()
        del outer[0]
        assert nesting._number_of_objects() == before + 3
        del outer
        gc.collect()
        assert nesting._number_of_objects() == before


@pytest.mark.parametrize("method", get_all_start_methods())
def test_a_proxy_that_is_sent_imports_no_server(method: str) -> None:
    """Neither its sender nor the worker that gets it needs the modules of a server's process."""
    scripts.run(
        """
        import sys
        import processing

        def servers_modules(queue):
            queue.put(1)
            return [name for name in sys.modules if name.startswith("processing_managers._server.server")]

        if __name__ == "__main__":
            processing.set_start_method(sys.argv[1])
            with processing.Manager() as manager, processing.Pool(1) as pool:
                assert pool.apply(servers_modules, (manager.Queue(),)) == servers_modules(manager.Queue()) == []
        """,
        method,
    )
