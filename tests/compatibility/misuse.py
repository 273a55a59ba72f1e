"""Misuse of each name: ``python misuse.py multiprocessing`` prints what each case raises.

A case is a few statements, in which ``m`` is the module, ``sub`` imports a submodule of it, and some things are ready.
"""

import importlib
import json
import os
import signal
import sys
import textwrap
from typing import Any

PATIENCE = 4
"""Seconds for one case."""

CASES = {
    "Process": """
        group: m.Process(group=1)
        daemon of a started one: p = started(); p.daemon = True
        start twice: p = started(); p.start()
        join before the start: m.Process().join()
        terminate before the start: m.Process().terminate()
        kill before the start: m.Process().kill()
        sentinel before the start: m.Process().sentinel
        close while it runs: p = started(sleep=9); p.close()
        join a closed one: p = started(); p.join(); p.close(); p.join()
        is_alive of a closed one: p = started(); p.join(); p.close(); p.is_alive()
        exitcode of a closed one: p = started(); p.join(); p.close(); p.exitcode
        pid of a closed one: p = started(); p.join(); p.close(); p.pid
        sentinel of a closed one: p = started(); p.join(); p.close(); p.sentinel
        terminate a closed one: p = started(); p.join(); p.close(); p.terminate()
        start a closed one: p = m.Process(); p.close(); p.start()
        close twice: p = m.Process(); p.close(); p.close()
        name that is no text: m.Process().name = 3
        join the current one: m.current_process().join()
        start the current one: m.current_process().start()
        join with a text: p = started(); p.join("1")
        args that are not iterable: m.Process(args=3)
        kwargs that are no mapping: m.Process(kwargs=3)
        unknown argument: m.Process(no_such_argument=3)
        authkey that is a number: m.current_process().authkey = None
    """,
    "contexts": """
        unknown method: m.get_context("thread")
        unknown method to set: m.set_start_method("thread", force=True)
        set twice: m.set_start_method("spawn")
        set for a context: m.get_context("spawn").set_start_method("fork")
        unknown method of a context: m.get_context("spawn").get_context("thread")
        unknown name: m.get_context("spawn").no_such_name
        unknown name of the module: m.no_such_name
        executable that is a number: m.set_executable(3)
        preload that is no list: m.set_forkserver_preload([3])
        level that there is not: m.log_to_stderr("NO_SUCH_LEVEL")
    """,
    "Lock": """
        release a free one: m.Lock().release()
        acquire with a text: m.Lock().acquire(timeout="1")
        argument: m.Lock(1, 2)
    """,
    "RLock": """
        release a free one: m.RLock().release()
        release another's: l = m.RLock(); thread(l.acquire); l.release()
        acquire with a text: m.RLock().acquire(timeout="1")
    """,
    "Semaphore": """
        negative: m.Semaphore(-1)
        text: m.Semaphore("1")
        fraction: m.Semaphore(1.5)
        too large: m.Semaphore(1 << 40)
    """,
    "BoundedSemaphore": """
        negative: m.BoundedSemaphore(-1)
        text: m.BoundedSemaphore("1")
        release too often: m.BoundedSemaphore(1).release()
    """,
    "Condition": """
        wait without the lock: m.Condition().wait()
        wait_for without the lock: m.Condition().wait_for(lambda: False)
        notify without the lock: m.Condition().notify()
        notify_all without the lock: m.Condition().notify_all()
        release without the lock: m.Condition().release()
        lock that is none: m.Condition(3)
    """,
    "Event": """
        wait with a text: m.Event().wait("1")
        argument: m.Event(3)
    """,
    "Barrier": """
        broken: b = m.Barrier(2); b.abort(); b.wait()
        too late: m.Barrier(2).wait(0.01)
        action that fails: m.Barrier(1, action=lambda: 1 / 0).wait()
    """,
    "Queue": """
        get from an empty one: m.Queue().get_nowait()
        get in vain: m.Queue().get(timeout=0.01)
        put into a full one: q = m.Queue(1); q.put(1); q.put_nowait(2)
        put in vain: q = m.Queue(1); q.put(1); q.put(2, timeout=0.01)
        put into a closed one: q = m.Queue(); q.close(); q.put(1)
        get from a closed one: q = m.Queue(); q.close(); q.get()
        get_nowait from a closed one: q = m.Queue(); q.close(); q.get_nowait()
        size that is a text: m.Queue("1")
        get with a text: m.Queue().get(timeout="1")
        join_thread of an open one: m.Queue().join_thread()
        close twice: q = m.Queue(); q.close(); q.close()
    """,
    "JoinableQueue": """
        task_done too often: m.JoinableQueue().task_done()
        put into a closed one: q = m.JoinableQueue(); q.close(); q.put(1)
        get from an empty one: m.JoinableQueue().get_nowait()
    """,
    "SimpleQueue": """
        put what cannot be pickled: m.SimpleQueue().put(generator())
        argument: m.SimpleQueue(1)
        put into a closed one: q = m.SimpleQueue(); q.close(); q.put(1)
        get from a closed one: q = m.SimpleQueue(); q.close(); q.get()
    """,
    "Pipe": """
        send through the wrong end: m.Pipe(False)[0].send(1)
        receive through the wrong end: m.Pipe(False)[1].recv()
        poll the wrong end: m.Pipe(False)[1].poll()
        send through a closed one: a, b = m.Pipe(); a.close(); a.send(1)
        receive through a closed one: a, b = m.Pipe(); a.close(); a.recv()
        poll a closed one: a, b = m.Pipe(); a.close(); a.poll()
        fileno of a closed one: a, b = m.Pipe(); a.close(); a.fileno()
        close twice: a, b = m.Pipe(); a.close(); a.close()
        send when the other end is gone: a, b = m.Pipe(); b.close(); a.send(1)
        receive when the other end is gone: a, b = m.Pipe(); b.close(); a.recv()
        send what cannot be pickled: m.Pipe()[0].send(generator())
        send_bytes of a text: m.Pipe()[0].send_bytes("1")
        send_bytes of a number: m.Pipe()[0].send_bytes(1)
        negative offset: m.Pipe()[0].send_bytes(b"1", -1)
        offset too large: m.Pipe()[0].send_bytes(b"1", 2)
        negative size: m.Pipe()[0].send_bytes(b"1", 0, -1)
        size too large: m.Pipe()[0].send_bytes(b"1", 0, 2)
        message too long: a, b = m.Pipe(); a.send_bytes(b"123"); b.recv_bytes(2)
        negative maxlength: a, b = m.Pipe(); a.send_bytes(b"123"); b.recv_bytes(-1)
        buffer too short: a, b = m.Pipe(); a.send_bytes(b"123"); b.recv_bytes_into(bytearray(2))
        buffer that is constant: a, b = m.Pipe(); a.send_bytes(b"123"); b.recv_bytes_into(b"123")
        offset beyond the buffer: a, b = m.Pipe(); a.send_bytes(b"123"); b.recv_bytes_into(bytearray(3), 4)
        negative offset of the buffer: a, b = m.Pipe(); a.send_bytes(b"123"); b.recv_bytes_into(bytearray(3), -1)
        poll with a text: m.Pipe()[0].poll("1")
        plain pickle: pickle.dumps(m.Pipe()[0])
        unpickle what is none: a, b = m.Pipe(); a.send_bytes(b"no pickle"); b.recv()
    """,
    "connection": """
        handle that is a text: sub("connection").Connection("1")
        negative handle: sub("connection").Connection(-1)
        neither direction: sub("connection").Connection(1, readable=False, writable=False)
        address that is a number: sub("connection").Listener(3)
        family that there is not: sub("connection").Listener(family="AF_NONE")
        key that is a number: sub("connection").Listener(authkey=3)
        address that is taken: l = sub("connection").Listener(("localhost", 0)); sub("connection").Listener(l.address)
        accept of a closed one: l = sub("connection").Listener(); l.close(); l.accept()
        no listener: sub("connection").Client("/no/such/socket")
        client of a number: sub("connection").Client(3)
        client with a number for a key: numbered(sub("connection"))
        wrong key: refused(sub("connection"))
        challenge with a number: sub("connection").deliver_challenge(m.Pipe()[0], 3)
        answer with a number: sub("connection").answer_challenge(m.Pipe()[0], 3)
        protocol error: a, b = m.Pipe(); a.send_bytes(b"hello"); sub("connection").answer_challenge(b, b"key")
        wrong answer: a, b = m.Pipe(); b.send_bytes(b"wrong"); sub("connection").deliver_challenge(a, b"key")
        wait for a number: sub("connection").wait(["1"])
    """,
    "Value": """
        unknown typecode: m.Value("z")
        typecode that is a number: m.Value(3)
        text for a number: m.Value("i", "1")
        fraction for an integer: m.Value("i", 1.5)
        set a text: m.Value("i").value = "1"
        set a fraction: m.Value("i").value = 1.5
        lock that is none: m.Value("i", lock=3)
        unknown attribute: m.Value("i").no_such_name
        raw with an unknown typecode: m.RawValue("z")
        lock of one without: m.Value("i", lock=False).get_lock()
    """,
    "Array": """
        unknown typecode: m.Array("z", 3)
        negative size: m.Array("i", -1)
        size that is a fraction: m.Array("i", 1.5)
        text for numbers: m.Array("i", "abc")
        beyond the end: m.Array("i", 3)[3]
        set beyond the end: m.Array("i", 3)[3] = 1
        set a text: m.Array("i", 3)[0] = "1"
        set a slice of another length: m.Array("i", 3)[:] = [1]
        lock that is none: m.Array("i", 3, lock=3)
        raw with an unknown typecode: m.RawArray("z", 3)
        lock of one without: m.Array("i", 3, lock=False).get_lock()
        unknown attribute: m.Array("i", 3).no_such_name
    """,
    "shared_memory": """
        no size: sub("shared_memory").SharedMemory(create=True)
        negative size: sub("shared_memory").SharedMemory(create=True, size=-1)
        no name: sub("shared_memory").SharedMemory()
        no such name: sub("shared_memory").SharedMemory("no-such-name")
        name that is taken: s = memory(); sub("shared_memory").SharedMemory(s.name, create=True, size=1)
        unlink twice: s = sub("shared_memory").SharedMemory(create=True, size=1); s.unlink(); s.unlink()
        use of a closed one: s = memory(); s.close(); s.buf[0]
        list with what it cannot hold: sub("shared_memory").ShareableList([object()])
        text too long for its place: l = sharedlist(["ab"]); l[0] = "x" * 99
        beyond the end of a list: sharedlist([1])[1]
        index of what is not there: sharedlist([1]).index(2)
    """,
    "Pool": """
        no process: m.Pool(0)
        negative: m.Pool(-1)
        text: m.Pool("1")
        initializer that cannot be called: m.Pool(1, 3)
        no task for each: m.Pool(1, maxtasksperchild=0)
        fraction of a task for each: m.Pool(1, maxtasksperchild=1.5)
        task after close: p = pool(); p.close(); p.apply(int)
        asynchronous task after close: p = pool(); p.close(); p.apply_async(int)
        map after close: p = pool(); p.close(); p.map(int, [1])
        imap after close: p = pool(); p.close(); p.imap(int, [1])
        map after terminate: p = pool(); p.terminate(); p.map(int, [1])
        enter after close: p = pool(); p.close(); p.__enter__()
        join while it runs: pool().join()
        pickle: pickle.dumps(pool())
        result in vain: pool().apply_async(time.sleep, (9,)).get(0.01)
        successful before it is: pool().apply_async(time.sleep, (9,)).successful()
        next in vain: pool().imap(time.sleep, [9]).next(0.01)
        next beyond the end: i = pool().imap(int, []); next(i)
        chunks of no task: pool().imap(int, [1], 0)
        negative chunks: pool().imap_unordered(int, [1], -1)
        map what is not iterable: pool().map(int, 3)
        starmap what is no tuple: pool().starmap(int, [3])
        error of a task: pool().apply(int, ("x",))
        error of a map: pool().map(int, ["1", "x"])
        error of an imap: list(pool().imap(int, ["1", "x"]))
        result that cannot be pickled: pool().apply(generator)
        argument that cannot be pickled: pool().apply(print, (generator(),))
        arguments that are not iterable: pool().apply(int, 3)
        what cannot be called: pool().apply(3)
        map of what cannot be called: pool().map(3, [1])
    """,
    "managers": """
        start twice: manager().start()
        connect to nothing: sub("managers").BaseManager(("localhost", 1)).connect()
        call before the start: sub("managers").SyncManager().list()
        address that is a number: sub("managers").SyncManager(3)
        unknown type: manager().no_such_type()
        unknown serializer: sub("managers").BaseManager(serializer="no such")
        initializer that cannot be called: sub("managers").SyncManager().start(3)
        beyond the end: manager().list([1])[1]
        key that is not there: manager().dict()["x"]
        attribute that is not there: manager().Namespace().x
        method that is not there: manager().list().no_such_method()
        method that is not exposed: manager().list()._callmethod("__reduce__")
        release of a free lock: manager().Lock().release()
        wait without the lock: manager().Condition().wait()
        get from an empty queue: manager().Queue().get_nowait()
        put into a full queue: q = manager().Queue(1); q.put(1); q.put_nowait(2)
        broken barrier: b = manager().Barrier(2); b.abort(); b.wait()
        remove what is not there: manager().list([1]).remove(2)
        unknown typecode: manager().Array("z", [1])
        argument that cannot be pickled: manager().list([generator()])
        result that cannot be pickled: custom().broken().unpicklable()
        error of the object's own: custom().broken().fail()
        use after shutdown: x = other_manager(); l = x.list(); x.shutdown(); l.append(1)
        create after shutdown: x = other_manager(); x.shutdown(); x.list()
        key that is wrong: x = manager(); sub("managers").SyncManager(x.address, b"wrong").connect()
    """,
}


def prepare(m: Any) -> dict[str, Any]:
    """What the cases use."""
    import pickle
    import threading
    import time

    ready: dict[str, Any] = {"m": m, "os": os, "pickle": pickle, "time": time}
    kept: dict[str, Any] = {}

    def sub(name: str) -> Any:
        return importlib.import_module(f"{m.__name__}.{name}")

    def started(sleep: float = 0) -> Any:
        process = m.Process(target=time.sleep, args=(sleep,), daemon=True)
        process.start()
        return process

    def thread(function: Any) -> None:
        other = threading.Thread(target=function)
        other.start()
        other.join()

    def memory() -> Any:
        made = sub("shared_memory").SharedMemory(create=True, size=8)
        kept.setdefault("memory", []).append(made)
        return made

    def sharedlist(items: list[Any]) -> Any:
        made = sub("shared_memory").ShareableList(items)
        kept.setdefault("memory", []).append(made.shm)
        return made

    def pool() -> Any:
        kept["pool"] = m.Pool(1)
        return kept["pool"]

    def manager() -> Any:
        if "manager" not in kept:
            kept["manager"] = m.Manager()
        return kept["manager"]

    def custom() -> Any:
        if "custom" not in kept:

            class Custom(sub("managers").BaseManager):  # type: ignore[misc]
                pass

            Custom.register("broken", Broken)
            kept["custom"] = Custom()
            kept["custom"].start()
        return kept["custom"]

    def end() -> None:
        for made in kept.pop("memory", []):
            made.close()
            try:
                made.unlink()
            except FileNotFoundError:
                pass
        if "pool" in kept:
            kept.pop("pool").terminate()
        servers = [made._process for made in kept.values()]
        for process in m.active_children():
            if process not in servers:
                process.terminate()

    def finish() -> None:
        for made in kept.values():
            made.shutdown()

    ready |= {name: thing for name, thing in locals().items() if callable(thing) and name != "m"}
    return {**ready, "other_manager": m.Manager, "generator": unpicklable, "refused": refused, "numbered": numbered}


class Broken:
    """The referent of a manager's object."""

    def unpicklable(self) -> Any:
        return [unpicklable()]  # not the iterator itself, of which 0.52 and `processing` return a proxy

    def fail(self) -> None:
        raise ZeroDivisionError("of its own")


def unpicklable() -> Any:
    return (letter for letter in "generator")


def refused(connection: Any) -> None:
    """Connect with a wrong key."""
    import threading

    with connection.Listener(authkey=b"right") as listener:
        answers: list[Any] = []

        def accept() -> None:
            try:
                listener.accept()
            except Exception as error:
                answers.append(error)

        other = threading.Thread(target=accept)
        other.start()
        try:
            connection.Client(listener.address, authkey=b"wrong")
        finally:
            other.join()


def numbered(connection: Any) -> None:
    """Connect with a number for a key."""
    with connection.Listener() as listener:
        connection.Client(listener.address, authkey=3)


def described(error: BaseException | None) -> list[str]:
    """The classes of an exception, the most derived first."""
    return [] if error is None else [f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__]


class Hangs(BaseException):
    """The case takes too long."""


def raised(code: str, names: dict[str, Any]) -> BaseException | None:
    def stop(*_: object) -> None:
        raise Hangs

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    try:
        exec(code, dict(names))
    except BaseException as error:
        return error
    finally:
        signal.alarm(0)
    return None


def cases() -> dict[str, str]:
    """All of them: what is misused how, and the statements."""
    lines = {what: textwrap.dedent(text).strip().splitlines() for what, text in CASES.items()}
    pairs = [(what, *line.split(": ", 1)) for what in lines for line in lines[what]]
    return {f"{what}, {how}": code for what, how, code in pairs}


def main(module: str) -> None:
    m = importlib.import_module(module)
    m.set_start_method("fork")
    names = prepare(m)
    results = {}
    for case, code in cases().items():
        error = raised(code, names)
        results[case] = [*described(error), str(error)]
        del error
        names["end"]()
    names["finish"]()
    print(json.dumps(results))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
