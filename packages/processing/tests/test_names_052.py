"""Every name in 0.52's manual exists, gives no warning, and calls the method that a subclass overrides."""

import importlib
import inspect
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import processing
from processing import connection, dummy, managers
from processing_testing.harness import scripts

# What the manual documents, as  expression | names; `P` is the package, `sub` imports a submodule of it.
TABLE = """
P                         | Process Pipe Queue Lock RLock Semaphore BoundedSemaphore Condition Event Value Array Manager Pool
P                         | activeChildren cpuCount currentProcess freezeSupport getLogger enableLogging
P                         | BufferTooShort ProcessError TimeoutError NOTSET SUBDEBUG DEBUG INFO SUBWARNING
P.Process()               | run start join terminate isAlive getName setName isDaemon setDaemon getPid getExitCode getAuthKey setAuthKey
P.Queue()                 | put get put_nowait get_nowait putMany empty full qsize close joinThread cancelJoin
P.Queue()                 | putNoWait getNoWait
P.Pipe()[0]               | send recv fileno close poll sendBytes recvBytes recvBytesInto
P.Lock()                  | acquire release
P.Semaphore()             | acquire release getValue
P.BoundedSemaphore()      | acquire release getValue
P.Condition()             | acquire release wait notify notifyAll
P.Event()                 | isSet set clear wait
P.Value("i", 1)           | value getobj getlock acquire release
P.Array("i", 3)           | getobj getlock acquire release
P.Pool(1)                 | apply applyAsync map mapAsync imap imapUnordered close terminate join
P.Pool(1).applyAsync(int) | get wait ready successful
P.Pool(1).imap(int, [1])  | next
sub("connection")         | Client Listener families deliverChallenge answerChallenge AuthenticationError
sub("connection").Listener() | accept close address last_accepted
sub("managers")           | BaseManager SyncManager BaseProxy CreatorMethod RemoteError
sub("managers").SyncManager() | start serveForever fromAddress join address Event Lock RLock Semaphore BoundedSemaphore Condition Queue Namespace Value Array dict list
sub("managers").BaseProxy | _callMethod _getValue
sub("sharedctypes")       | RawArray RawValue Array Value copy synchronized
sub("dummy")              | Process currentProcess activeChildren freezeSupport Lock RLock Semaphore BoundedSemaphore Condition Event Queue Manager Pipe connection
sub("dummy").Process()    | isAlive getExitCode getName setName isDaemon setDaemon join start
sub("queue")              | Queue
sub("logger")             | getLogger enableLogging
"""  # noqa: E501


def rows() -> Iterator[Any]:
    """One parameter for each expression and name."""
    for line in TABLE.strip().splitlines():
        expression, _, names = line.partition("|")
        for name in names.split():
            yield pytest.param(expression.strip(), name, id=f"{expression.strip()}.{name}")


def sub(name: str) -> Any:
    return importlib.import_module(f"processing.{name}")


@pytest.fixture(scope="module")
def made() -> Iterator[Callable[[str], Any]]:
    """Evaluates an expression of the table, each once."""
    things: dict[str, Any] = {}
    pools: list[processing.Pool] = []

    class Namespace:
        def __getattr__(self, name: str) -> Any:
            return self.pool if name == "Pool" else getattr(processing, name)

        @staticmethod
        def pool(size: int) -> processing.Pool:
            pools.append(processing.Pool(size))
            return pools[-1]

    def make(expression: str) -> Any:
        if expression == "P":
            return processing
        if expression not in things:
            things[expression] = eval(expression, {"P": Namespace(), "sub": sub})
        return things[expression]

    yield make
    for pool in pools:
        pool.terminate()
        pool.join()
    for thing in things.values():
        if isinstance(thing, connection.Listener):
            thing.close()


@pytest.mark.parametrize(("expression", "name"), list(rows()))
def test_it_is_there(made: Callable[[str], Any], expression: str, name: str) -> None:
    # Looked up statically, as reading an attribute may call a property: `address` of a manager that was not started.
    thing = made(expression)
    inspect.getattr_static(thing, name) if expression != "P" and not inspect.ismodule(thing) else getattr(thing, name)


# -- what the names do -----------------------------------------------------------------------------

SAME = {
    "activeChildren": "active_children",
    "cpuCount": "cpu_count",
    "currentProcess": "current_process",
    "freezeSupport": "freeze_support",
}


@pytest.mark.parametrize(("old", "new"), SAME.items())
def test_functions_are_the_modern_ones(old: str, new: str) -> None:
    assert getattr(processing, old) is getattr(processing, new)


# Class, 0.52's method, the modern method that it calls, arguments of the call, and those that arrive.
METHODS: list[tuple[type[Any], str, str, tuple[Any, ...], tuple[Any, ...]]] = [
    (processing.Process, "isAlive", "is_alive", (), ()),
    (processing.Queue, "putMany", "put_many", ([1],), ([1],)),
    (processing.Queue, "putNoWait", "put_nowait", (1,), (1,)),
    (processing.Queue, "getNoWait", "get_nowait", (), ()),
    (processing.Queue, "joinThread", "join_thread", (), ()),
    (processing.Queue, "cancelJoin", "cancel_join_thread", (), ()),
    (processing.Connection, "sendBytes", "send_bytes", (b"x",), (b"x",)),
    (processing.Connection, "recvBytes", "recv_bytes", (), ()),
    (processing.Connection, "recvBytesInto", "recv_bytes_into", (b"x", 1), (b"x", 1)),
    (processing.Semaphore, "getValue", "get_value", (), ()),
    (processing.BoundedSemaphore, "getValue", "get_value", (), ()),
    (processing.Condition, "notifyAll", "notify_all", (), ()),
    (processing.Event, "isSet", "is_set", (), ()),
    (processing.Pool, "applyAsync", "apply_async", (int, (1,), {}, print), (int, (1,), {}, print)),
    (processing.Pool, "mapAsync", "map_async", (int, [1], 2, print), (int, [1], 2, print)),
    (processing.Pool, "imapUnordered", "imap_unordered", (int, [1], 2), (int, [1], 2)),
    (managers.SyncManager, "serveForever", "serve_forever", (), ()),
    (managers.BaseProxy, "_callMethod", "_callmethod", ("append", (1,), {}), ("append", (1,), {})),
    (managers.BaseProxy, "_getValue", "_getvalue", (), ()),
    (managers.ConditionProxy, "notifyAll", "notify_all", (), ()),
    (managers.EventProxy, "isSet", "is_set", (), ()),
]


@pytest.mark.parametrize(
    ("cls", "old", "new", "arguments", "arrived"), METHODS, ids=[f"{row[0].__name__}.{row[1]}" for row in METHODS]
)
def test_methods_reach_what_a_subclass_overrides(
    cls: type[Any], old: str, new: str, arguments: tuple[Any, ...], arrived: tuple[Any, ...]
) -> None:
    calls: list[tuple[Any, ...]] = []
    receiver = SimpleNamespace(**{new: lambda *args: calls.append(args)})
    getattr(cls, old)(receiver, *arguments)
    assert [call[: len(arrived)] for call in calls] == [arrived]


@pytest.mark.parametrize("cls", [processing.Process, dummy.Process], ids=["processes", "threads"])
def test_properties_of_processes(cls: type[Any]) -> None:
    process = cls(target=int)
    process.setName("worker")
    assert (process.name, process.getName()) == ("worker", "worker")
    process.setDaemon(True)
    assert (process.daemon, process.isDaemon()) == (True, True)
    assert (process.getPid(), process.getExitCode(), process.isAlive()) == (None, None, False)
    process.start()
    process.join()
    assert (process.getPid(), process.getExitCode(), process.isAlive()) == (process.pid, 0, False)


def test_authkeys_may_be_text() -> None:
    process = processing.Process()
    process.setAuthKey("secret")
    assert process.getAuthKey() == process.authkey == b"secret"
    process.authkey = "other"
    assert process.getAuthKey() == b"other"


@pytest.mark.parametrize(
    ("listening", "connecting"),
    [
        ({"authkey": "secret"}, {"authkey": b"secret"}),
        ({"authkey": b"secret"}, {"authkey": "secret"}),
        ({"authenticate": True}, {"authenticate": True}),
        ({"authenticate": True, "authkey": "secret"}, {"authkey": "secret"}),
        ({"authenticate": True}, {"authkey": processing.current_process().authkey}),
        ({"authenticate": False}, {"authenticate": False}),
    ],
)
def test_authentication(listening: dict[str, Any], connecting: dict[str, Any]) -> None:
    with connection.Listener(("localhost", 0), **listening) as listener:
        assert not listener.last_accepted
        greeter = threading.Thread(target=greet, args=(listener.address, connecting))
        greeter.start()
        with listener.accept() as accepted:
            assert accepted.recvBytes() == b"hello"
            assert listener.last_accepted[0] == "127.0.0.1"
        greeter.join()


def greet(address: Any, arguments: dict[str, Any]) -> None:
    with connection.Client(address, **arguments) as client:
        client.sendBytes(b"hello")
        client.poll(None)


def test_challenges() -> None:
    ours, theirs = processing.Pipe()
    asking = threading.Thread(target=connection.deliverChallenge, args=(ours, "secret"))
    asking.start()
    connection.answerChallenge(theirs, "secret")
    asking.join()


def test_managers_are_made_by_attributes() -> None:
    class Manager(managers.BaseManager):
        list = managers.CreatorMethod(list, managers.ListProxy)

    with Manager(authkey="secret") as manager:
        numbers = manager.list([1])
        assert numbers._callMethod("__len__") == 1
        assert numbers._getValue() == [1]
        other = Manager.fromAddress(manager.address, "secret")
        assert other.list([2])._getValue() == [2]


class TestLogging:
    def test_there_is_no_logger_before_it_is_enabled(self) -> None:
        scripts.run(
            """
            import processing
            assert processing.getLogger() is None
            processing.get_logger()
            assert processing.getLogger() is None
            processing.enableLogging(processing.SUBWARNING)
            assert processing.getLogger().level == processing.SUBWARNING
            assert processing.getLogger() is processing.get_logger()
            """
        )

    def test_the_functions_of_its_module(self) -> None:
        output = scripts.run(
            """
            import logging, sys
            from processing import logger
            logger.subWarning("lost")
            logger.enableLogging(level=logger.SUBDEBUG, HandlerType=logging.StreamHandler, handlerArgs=(sys.stdout,))
            logger.subDebug("a%s", 1)
            logger.debug("b")
            logger.info("c")
            logger.subWarning("d")
            logger.getLogger().setLevel(logging.ERROR)
            """
        )
        levels = zip(["SUBDEBUG", "DEBUG", "INFO", "SUBWARNING"], ["a1", "b", "c", "d"], strict=True)
        assert output.splitlines() == [f"[{level}/MainProcess] {message}" for level, message in levels]


def test_nothing_warns() -> None:
    scripts.run(  # in which a warning is an error
        """
        import processing
        event, condition, queue = processing.Event(), processing.Condition(), processing.Queue()
        with condition:
            condition.notifyAll()
        queue.putMany(range(3))
        assert not event.isSet()
        assert [queue.get(), queue.getNoWait()] == [0, 1]
        process = processing.Process()
        process.setDaemon(process.isDaemon())
        process.setName(process.getName())
        assert processing.currentProcess().getName() == "MainProcess"
        assert processing.activeChildren() == []
        processing.freezeSupport()
        """
    )
