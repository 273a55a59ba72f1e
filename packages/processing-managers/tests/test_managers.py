"""Managers: the start and end of their servers, and proxies in other processes."""

from __future__ import annotations

import errno
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_core import ProcessError, StateError, lowlevel
from processing_managers import (
    BaseManager,
    CreatorMethod,
    DictProxy,
    ListProxy,
    Manager,
    RemoteError,
    ServerGone,
    SyncManager,
)
from processing_managers._client import link as _link
from processing_managers.managers import State
from processing_queues import Queue
from processing_sync import Event
from processing_testing.children import killing, managed, odd
from processing_testing.children.managed import Account, Bank, Overdrawn
from processing_testing.harness import processes, scripts
from processing_testing.harness.leaks import leaves_nothing
from processing_testing.harness.mechanisms import needs_signals_to_processes, needs_signals_to_threads
from processing_testing.harness.rendezvous import Rendezvous

Context = Any


@pytest.fixture
def manager(context: Context) -> Iterator[SyncManager]:
    with context.Manager() as manager:
        yield manager


@pytest.fixture(params=["near", "far"])
def bank(context: Context, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    """A manager whose calls are sent through rings or, as to another family, through a stream."""
    if request.param == "far":
        monkeypatch.setattr(_link, "unseal", lambda sealed: None)
    with Bank(ctx=context) as bank:
        yield bank


@pytest.fixture
def expected() -> Callable[[str], bool]:
    """Whether a family keeps a thing: the forkserver and what belongs to it."""
    return lambda thing: "forkserver" in thing


def run(context: Context, function: Callable[..., object], *args: Any) -> None:
    child = context.Process(target=function, args=args)
    child.start()
    child.join()
    assert child.exitcode == 0


def await_end(pid: int) -> None:
    """Wait until a process that this one cannot reap has ended."""
    while (info := processes.read(pid)) and info.state != "Z":
        lowlevel.yield_processor()


class TestTheSeed:
    def test_its_example(self, method: str) -> None:
        source = """
            import sys
            import processing_core
            from processing_managers import Manager

            if __name__ == "__main__":
                processing_core.set_start_method(sys.argv[1])
                manager = Manager()
                l = manager.list(range(10))
                l.reverse()
                print(l)
                print(repr(l))
        """
        first, second = scripts.run(source, method).splitlines()
        assert first == "[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]"
        assert second.startswith("<Proxy[list] object at 0x") and second.endswith(">")


class TestOtherProcesses:
    def test_as_argument(self, context: Context, manager: SyncManager) -> None:
        items = manager.list()
        run(context, managed.call, items, "append", 1)
        run(context, managed.call_all, {"these": [items, items]}, "append", 2)
        assert items == [1, 2, 2]

    def test_through_a_queue(self, context: Context, manager: SyncManager) -> None:
        queue: Queue[Any] = Queue()
        queue.put(manager.list([1]))
        assert queue.get() == [1]
        requests, responses = manager.Queue(), manager.Queue()
        child = context.Process(target=managed.answer, args=(requests, responses))
        child.start()
        for number in range(3):
            requests.put(number)
        requests.put(None)
        requests.join()
        assert [responses.get() for _ in range(3)] == [0, 2, 4]
        child.join()
        assert child.exitcode == 0

    def test_an_argument_that_only_the_child_has(self, context: Context, manager: SyncManager) -> None:
        before = manager._number_of_objects()
        run(context, managed.call, manager.list(), "append", 1)
        run(context, managed.call_all, {"these": [manager.list(), manager.list()]}, "append", 1)
        if context.get_start_method() != "fork":  # a forked child's in-flight reference ends only after a time
            gc.collect()
            while manager._number_of_objects() != before:
                lowlevel.yield_processor()  # until the server has read the end of the child's connection

    def test_every_thread_of_every_process(self, context: Context, manager: SyncManager) -> None:
        items = manager.list()
        children = [context.Process(target=managed.append_many, args=(items, 20)) for _ in range(3)]
        for child in children:
            child.start()
        managed.append_many(items, 20)
        for child in children:
            child.join()
        assert items == [1] * 160

    def test_a_managed_lock_between_them(self, context: Context, manager: SyncManager) -> None:
        space, lock = manager.Namespace(count=0), manager.RLock()
        children = [context.Process(target=managed.increment, args=(space, lock, 20)) for _ in range(3)]
        for child in children:
            child.start()
        managed.increment(space, lock, 20)
        for child in children:
            child.join()
        assert space.count == 80

    def test_a_managed_barrier_between_them(self, context: Context, manager: SyncManager) -> None:
        barrier, results = manager.Barrier(2), manager.list()
        child = context.Process(target=managed.wait_at_barrier, args=(barrier, results))
        child.start()
        managed.wait_at_barrier(barrier, results)
        child.join()
        assert sorted(results) == [0, 1]

    def test_a_managed_condition_between_them(self, context: Context, manager: SyncManager) -> None:
        condition, items, results = manager.Condition(), manager.list(), manager.list()
        child = context.Process(target=managed.consume, args=(condition, items, results))
        child.start()
        with condition:
            items.append("item")
            condition.notify()
        child.join()
        assert results == ["item"]

    def test_a_manager_travels(self, manager: SyncManager) -> None:
        other = pickle.loads(pickle.dumps(manager))
        items = other.list([1])
        assert items == [1] and other.address == manager.address
        with pytest.raises(StateError):
            other.shutdown()

    def test_a_manager_is_used_by_a_child(self, context: Context, manager: SyncManager) -> None:
        items = manager.list()
        run(context, managed.make_and_append, manager, items)
        assert items[0] == [1] and manager.list([2]) == [2]

    def test_a_key_of_its_own_travels_with_its_proxies(self, context: Context) -> None:
        with SyncManager(authkey="another", ctx=context) as manager:
            items = manager.list()
            assert b"another" not in pickle.dumps(items)
            run(context, managed.call, items, "append", 1)
            assert items == [1]

    def test_a_killed_client_keeps_nothing(
        self, context: Context, manager: SyncManager, rendezvous: Rendezvous
    ) -> None:
        before = manager._number_of_objects()
        items = manager.list()
        child = context.Process(target=managed.hold, args=(items, rendezvous.address))
        child.start()
        rendezvous.receive()
        del items
        assert manager._number_of_objects() == before + 1
        child.kill()
        child.join()
        while manager._number_of_objects() != before:
            lowlevel.yield_processor()  # until the server has read the end of its connection

    def test_functions_of_this_place_travel(self, manager: SyncManager) -> None:
        items = manager.list(range(3))
        items.sort(key=lambda number: -number)
        assert items == [2, 1, 0]

    def test_a_managed_pool(self, context: Context) -> None:
        pytest.importorskip("processing_pool")
        with SyncManager(ctx=context) as manager:
            pool = manager.Pool(1)
            assert pool.map(abs, [-1, -2]) == [1, 2]
            assert pool.apply(abs, (-3,)) == 3
            assert pool.apply_async(abs, (-4,)).get(30) == 4
            assert list(pool.imap(abs, [-5, -6])) == [5, 6]
            assert sorted(pool.imapUnordered(abs, [-5, -6])) == [5, 6]
            called_back = manager.list()
            assert pool.applyAsync(abs, (-7,), callback=called_back.append).get(30) == 7
            assert pool.mapAsync(abs, [-8], callback=called_back.append).get(30) == [8]
            with pytest.raises(TypeError):
                pool.apply_async(abs, ("x",), error_callback=called_back.append).get(30)
            while len(called_back) < 3:
                lowlevel.yield_processor()  # until the server has called back
            assert called_back[:2] == [7, [8]] and isinstance(called_back[2], TypeError)
            pool.close()
            pool.join()


class TestCrowd:
    @pytest.mark.attack
    @pytest.mark.watchdog(300)
    def test_no_client_starves(
        self, context: Context, manager: SyncManager, rendezvous: Rendezvous, rounds: Callable[[int, int], int]
    ) -> None:
        items, over, enough = manager.list([1]), Event(), rounds(200, 20_000)
        args = (items, over, enough, rendezvous.address)
        clients = [context.Process(target=managed.count_calls, args=args) for _ in range(8)]
        for client in clients:
            client.start()
        peers = [rendezvous.accept() for _ in clients]
        for peer in peers:
            peer.receive()
        for peer in peers:
            peer.release()
        for peer in peers:
            assert peer.receive() == enough  # the other clients go on calling meanwhile
        over.set()
        counts = sorted(peer.receive() for peer in peers)
        for client in clients:
            client.join()
        shares = [round(100 * count / sum(counts), 1) for count in counts]
        print(f"{context.get_start_method()}: {sum(counts)} calls of 8 clients; shares in per cent: {shares}")

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_a_waiting_client_delays_no_other(self, context: Context, manager: SyncManager) -> None:
        lock, tasks, event, items = manager.Lock(), manager.Queue(), manager.Event(), manager.list()
        lock.acquire()
        waits = [lambda: lock.acquire() and lock.release(), tasks.get, event.wait] * 4
        threads = [threading.Thread(target=wait) for wait in waits]
        for thread in threads:
            thread.start()
        for _ in range(100):
            items.append(1)
        run(context, managed.call, items, "append", 2)
        assert len(items) == 101 and all(thread.is_alive() for thread in threads)
        event.set()
        lock.release()
        tasks.putMany(range(4))
        for thread in threads:
            thread.join()


class TestErrorsElsewhere:
    def test_they_are_typed_and_the_way_stays(self, context: Context, manager: SyncManager) -> None:
        items, results = manager.list([1]), manager.list()
        run(context, managed.collect_errors, manager, items, results)
        assert list(results) == [
            ("IndexError", "with the server's traceback"),
            ("NotPicklableError", "of here"),
            ("ValueError", "with the server's traceback"),
            ("NotExposed", "with the server's traceback"),
            ("HandleError", "with the server's traceback"),
            1,
        ]

    @pytest.mark.parametrize("kind", odd.ERRORS)
    def test_an_odd_one_fails_its_call_alone(self, bank: Bank, kind: str) -> None:
        """Frozen, slotted, without a repr or cause, with a reduce or unpickling that exits."""
        odds = bank.Odd()
        with pytest.raises((odd.ERRORS[kind], RemoteError)):
            odds.fail(kind)
        assert odds.number() == 1

    @pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, KeyboardInterrupt, LookupError])
    def test_a_result_whose_pickling_raises(self, bank: Bank, kind: type[BaseException]) -> None:
        odds = bank.Odd()
        with pytest.raises(RemoteError, match=kind.__name__):
            odds.unpicklable(kind)
        assert odds.number() == 1


class TestLife:
    def test_nothing_is_left(self, context: Context, expected: Callable[[str], bool]) -> None:
        run(context, managed.call, [], "append", 1)  # makes the family, and the forkserver
        with leaves_nothing(expected=expected):
            for _ in range(3):
                with context.Manager() as manager:
                    assert manager.list([1]) == [1]
                del manager
                gc.collect()

    def test_nothing_is_left_of_one_that_is_dropped(self, expected: Callable[[str], bool]) -> None:
        with leaves_nothing(expected=expected):
            items = Manager().list([1])
            assert items == [1]
            del items
            gc.collect()

    @pytest.mark.parametrize("ending", ["", "raise SystemExit", "manager.shutdown()", "import os; os._exit(0)"])
    def test_nothing_is_left_of_a_program(self, method: str, ending: str) -> None:
        source = f"""
            import sys
            import processing_core
            from processing_managers import Manager

            if __name__ == "__main__":
                processing_core.set_start_method(sys.argv[1])
                manager = Manager()
                items = manager.list([1])
                print(manager._process.pid)
                sys.stdout.flush()
                {ending}
        """
        pid = int(scripts.run(source, method))
        await_end(pid)

    def test_it_dies_with_its_starter(self, context: Context, method: str, rendezvous: Rendezvous) -> None:
        child = context.Process(target=managed.start_manager_and_tell, args=(method, rendezvous.address))
        child.start()
        _, server, length = rendezvous.receive()
        assert length == 1
        child.kill()
        child.join()
        await_end(server)

    @needs_signals_to_processes
    def test_ctrl_c_in_a_terminal(self, method: str) -> None:
        source = """
            import sys
            import processing_core
            from processing_managers import Manager

            if __name__ == "__main__":
                processing_core.set_start_method(sys.argv[1])
                manager = Manager()
                event = manager.Event()
                print(manager._process.pid, flush=True)
                event.wait()
        """
        command = [sys.executable, "-c", textwrap.dedent(source), method]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as program:
            assert program.stdout is not None
            server = int(program.stdout.readline())
            os.killpg(program.pid, signal.SIGINT)
            _, errors = program.communicate()
        assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt"), errors
        await_end(server)

    def test_states(self, context: Context) -> None:
        manager = SyncManager(ctx=context)
        assert manager.address is None
        for early in (manager.list, manager.shutdown, manager.__reduce__):
            with pytest.raises(StateError):
                early()
        manager.start()
        assert manager.address is not None
        for again in (manager.start, manager.connect, manager.get_server):
            with pytest.raises(ProcessError, match="Already started server"):
                again()
        manager.shutdown()
        manager.shutdown()
        manager.join(1)
        for late in (manager.start, manager.connect, manager.get_server):
            with pytest.raises(ProcessError, match="Manager has shut down"):
                late()
        with pytest.raises(StateError, match="was shut down"):
            manager.list()
        with pytest.raises(StateError), manager:
            pass

    def test_the_initializer(self, context: Context) -> None:
        class Remembering(BaseManager): ...

        Remembering.register("get", managed.remembered)
        manager: Any = Remembering(ctx=context)
        manager.start(managed.remember, ("here",))
        assert str(manager.get()) == "here"
        manager.shutdown()

    def test_an_initializer_that_fails(self, context: Context) -> None:
        manager = BaseManager(ctx=context)
        with pytest.raises(Overdrawn) as caught:
            manager.start(managed.refuse)
        assert isinstance(caught.value.__cause__, RemoteError)
        with pytest.raises(ServerGone, match="exit code -9"):
            manager.start(managed.die)
        with pytest.raises(TypeError, match="initializer must be a callable"):
            manager.start(5)  # type: ignore[arg-type]
        assert manager._process is None

    def test_a_missing_guard(self, method: str, tmp_path: Path) -> None:
        program = tmp_path / "program.py"
        program.write_text(f"import processing_managers\nprocessing_managers.Manager(context={method!r}).shutdown()\n")
        if method == "fork":
            scripts.run(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')")
            return
        ended = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
        *_, last = ended.stderr.split("Traceback")
        assert ended.returncode == 1 and "ServerGone" in last and 'if __name__ == "__main__":' in last
        assert "Process SyncManager" not in ended.stderr  # the child does not print it as well

    def test_an_address_that_is_taken(self, context: Context) -> None:
        with socket.create_server(("localhost", 0)) as taken, pytest.raises(OSError, match=str(errno.EADDRINUSE)):
            BaseManager(taken.getsockname(), ctx=context).start()

    def test_other_serializers(self) -> None:
        with pytest.raises(ValueError, match="serializer 'json': there are 'pickle' and 'xmlrpclib'"):
            BaseManager(serializer="json")
        with pytest.raises(TypeError, match="bytes or str"):
            BaseManager(authkey=5)  # type: ignore[arg-type]

    @needs_signals_to_processes
    def test_ctrl_c_is_not_for_the_server(self, manager: SyncManager) -> None:
        assert manager._process is not None and manager._process.pid is not None
        os.kill(manager._process.pid, signal.SIGINT)
        assert manager.list([1]) == [1]

    @needs_signals_to_threads
    def test_a_call_that_is_interrupted(self, manager: SyncManager) -> None:
        class Rang(Exception): ...

        def ring(*_: object) -> None:
            raise Rang

        lock = manager.Lock()
        event, before = manager.Event(), signal.signal(signal.SIGUSR1, ring)
        try:
            threading.Timer(
                0.05, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            ).start()
            with pytest.raises(Rang):
                event.wait(30)
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert lock.acquire() is True and event.is_set() is False


class TestDeath:
    def test_a_killed_server(self, context: Context) -> None:
        manager = context.Manager()
        items, event = manager.list([1]), manager.Event()
        errors: list[Exception] = []

        def wait() -> None:
            ready.set()
            try:
                event.wait()
            except ServerGone as error:
                errors.append(error)

        ready = threading.Event()
        thread = threading.Thread(target=wait)
        thread.start()
        ready.wait()
        pid = manager._process.pid
        manager._process.kill()
        thread.join()
        assert len(errors) == 1
        for call in (lambda: items[0], lambda: manager.list()):
            with pytest.raises(ServerGone, match=f"process {pid}, at .* is gone") as caught:
                call()
            assert caught.value.pid == pid and caught.value.address == manager.address
        with pytest.raises(ServerGone):
            pickle.loads(pickle.dumps(items))
        assert str(items) == f"{repr(items)[:-1]}; '__str__()' failed>"
        manager.shutdown()

    @pytest.mark.parametrize("end", ["kill", "terminate"])
    def test_every_client_is_notified(self, context: Context, end: str, rendezvous: Rendezvous) -> None:
        manager = context.Manager()
        args = (manager.list([1]), manager.Event(), rendezvous.address)
        children = [context.Process(target=managed.call_until_gone, args=args) for _ in range(2)]
        for child in children:
            child.start()
        peers = [rendezvous.accept() for _ in children]
        for peer in peers:
            peer.receive()
        ended = time.monotonic()
        getattr(manager._process, end)()
        for noticed in [peer.receive() for peer in peers]:
            assert [name for name, _ in noticed] == ["calling", "waiting"]
            print(f"{end}: noticed after", *(f"{when - ended:.2f} s" for _, when in noticed))
        for child in children:
            child.join()
        manager.shutdown()

    def test_after_shutdown(self, context: Context) -> None:
        with context.Manager() as manager:
            items = manager.list([1])
        with pytest.raises(ServerGone):
            items.append(2)

    @pytest.mark.parametrize("kind", [ConnectionError, EOFError, OSError, ProcessError, BrokenPipeError])
    def test_it_is_what_a_user_would_catch(self, kind: type[Exception]) -> None:
        assert issubclass(ServerGone, kind)

    def test_it_survives_pickling(self) -> None:
        error = ServerGone("gone", ("localhost", 5), 6)
        copied = pickle.loads(pickle.dumps(error))
        assert (str(copied), copied.address, copied.pid) == ("gone", ("localhost", 5), 6)

    @needs_signals_to_processes
    def test_a_stopped_server_is_shut_down_all_the_same(self, context: Context) -> None:
        manager = SyncManager(ctx=context, shutdown_timeout=0.1)
        manager.start()
        assert manager._process is not None and manager._process.pid is not None
        os.kill(manager._process.pid, signal.SIGSTOP)
        manager.shutdown()
        assert manager._process.exitcode == -killing.SIGKILL


class TestNamesOf052:
    def test_creator_methods(self, context: Context) -> None:
        class Maths(BaseManager):
            account = CreatorMethod(Account, exposed=("deposit",))
            list = CreatorMethod(list, ListProxy, typeid="list of 0.52")

        with Maths(ctx=context) as manager:
            assert manager.account(1).deposit(1) == 2
            assert manager.list("ab") == ["a", "b"]
            assert repr(manager.list()).startswith("<Proxy[list of 0.52] object at")

    def test_from_address_and_str_keys(self, serving: Any) -> None:
        bank: Any = Bank.fromAddress(serving.address, "key")
        assert bank.Account(1).deposit(1) == 2

    def test_serve_forever_reaches_overrides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        called: list[str] = []
        monkeypatch.setattr(Bank, "serve_forever", lambda self: called.append("serve_forever"))
        Bank().serveForever()
        assert called == ["serve_forever"]


class TestContexts:
    def test_they_offer_managers(self, context: Context) -> None:
        with context.Manager() as manager:
            assert type(manager) is SyncManager
            assert isinstance(manager.dict(), DictProxy)
            assert type(manager._process) is context.Process

    def test_a_registered_subclass(self, context: Context) -> None:
        class Mine(SyncManager): ...

        Mine.register("Account", Account)
        assert not hasattr(SyncManager, "Account")
        with Mine(ctx=context) as manager:
            assert manager.Account(1).deposit(1) == 2  # type: ignore[attr-defined]
            assert manager.list([1]) == [1]

    def test_the_servers_name(self, context: Context) -> None:
        with context.Manager() as manager:
            assert manager._process.name.startswith("SyncManager-")
            assert manager._process in processing_core.active_children()


class TestState:
    """``_state``, which programs of multiprocessing read, and set."""

    def test_its_values(self) -> None:
        manager = SyncManager()
        assert manager._state.value == State.INITIAL == 0
        with manager:
            assert manager._state.value == State.STARTED == 1
        assert manager._state.value == State.SHUTDOWN == 2

    def test_a_program_that_serves_from_a_thread_and_sets_it(self) -> None:
        manager = SyncManager()
        server = manager.get_server()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        manager._address, manager._state.value = server.address, State.STARTED
        try:
            assert manager.list([1])[0] == 1
        finally:
            server.stop_event.set()
            thread.join()
