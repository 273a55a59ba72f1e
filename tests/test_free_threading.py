"""Threads of one process on the same objects; without a GIL they run at the same time.

With a GIL most of these tests cannot fail. `nox -s freethreaded` runs them without one.
"""

from __future__ import annotations

import importlib.util
import os
import queue
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest

import processing
from processing.connection import Connection, Listener, wait
from processing.shared_memory import SharedMemory
from processing_core import lowlevel
from processing_testing.harness import interruption_points, scripts
from processing_testing.harness.attack import rounds

CORE = Path(__file__).parent.parent / "packages/processing-core"
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
PACKAGES = ["processing", "processing_core", "processing_sync", "processing_queues", "processing_managers"]
SUBMODULES = ["pool", "managers", "connection", "shared_memory", "sharedctypes", "dummy"]
THREADS = 8
SECONDS = 0.4


def together(*bodies: Callable[[], object], seconds: float = SECONDS) -> None:
    """Run each body again and again in a thread of its own, at the same time; raise what one of them raised."""
    gate, errors, end = threading.Barrier(len(bodies)), [], time.monotonic() + seconds

    def thread(body: Callable[[], object]) -> None:
        gate.wait(30)
        try:
            while time.monotonic() < end and not errors:
                for _ in range(20):
                    body()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=thread, args=(body,), daemon=True) for body in bodies]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert not any(one.is_alive() for one in threads), "a thread hangs"
    if errors:
        raise errors[0]


class TestLoading:
    @pytest.mark.skipif(not FREE_THREADED, reason="this interpreter has a GIL")
    def test_imports_leave_the_gil_off(self) -> None:
        names = [*PACKAGES, *(f"processing.{name}" for name in SUBMODULES)]
        program = f"import sys, {', '.join(names)}; sys.exit(sys._is_gil_enabled())"
        # Without the variable and the option that would keep it off whatever is imported.
        run = subprocess.run([sys.executable, "-E", "-W", "error", "-c", program], capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (0, "")

    @pytest.mark.skipif(not FREE_THREADED, reason="this interpreter has a GIL")
    @pytest.mark.parametrize("method", processing.get_all_start_methods())
    def test_children_have_it_off(self, method: str) -> None:
        with processing.get_context(method).Pool(1) as pool:
            assert pool.apply(sys._is_gil_enabled) is False


@pytest.fixture(name="hatch_build")
def load_hatch_build() -> ModuleType:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build_of_core_t", CORE / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestBuild:
    """Which wheel the build makes for which interpreter."""

    @pytest.mark.parametrize("free_threaded", [0, 1])
    def test_the_api_and_the_tag(
        self, free_threaded: int, hatch_build: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": free_threaded}.get)
        monkeypatch.setattr(sys, "version_info", (3, 15, 0))
        assert hatch_build.python_tag() == ("cp315-cp315t" if free_threaded else "cp311-abi3")
        names = [name for name, _ in hatch_build.api_macros()]
        assert names == ["Py_GIL_DISABLED" if free_threaded else "Py_LIMITED_API"]
        hatch_build.require_interpreter()

    def test_the_experimental_one_is_refused(self, hatch_build: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)
        monkeypatch.setattr(sys, "version_info", (3, 13, 5))
        with pytest.raises(hatch_build.KernelBuildError, match="free-threaded CPython 3.13"):
            hatch_build.require_interpreter()


FOUNDING = """
    import threading
    import processing

    gate, made, errors = threading.Barrier({threads}), [], []

    def found():
        gate.wait()
        try:
            made.append(processing.Lock())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=found) for _ in range({threads})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert len({{lock.cell for lock in made}}) == {threads}
    with processing.Pool(1) as pool:
        assert pool.apply(len, ([1],)) == 1
"""


class TestKernel:
    def test_threads_that_make_the_first_object_found_one_family(self) -> None:
        for _ in range(5):
            scripts.run(FOUNDING.format(threads=THREADS))

    def test_making_and_dropping(self) -> None:
        """The table of handles, and the index of references, which grows and shrinks."""

        def body() -> None:
            locks = [processing.Lock() for _ in range(300)]
            assert len({lock.cell for lock in locks}) == len(locks)

        together(*[body] * THREADS)
        lowlevel.verify()

    def test_copies_of_one_handle(self) -> None:
        """Threads attach to one cell, and drop their handles: the cell is freed with the last one, and not before."""
        lock, box = processing.Lock(), processing.Queue()
        cell, data = lock.cell, lowlevel.dumps(lock)

        def body() -> None:
            copies = [lowlevel.loads(data) for _ in range(5)]
            box.put(copies[0])
            assert {copy.cell for copy in [*copies, box.get()]} == {cell}

        together(*[body] * THREADS)
        with lowlevel.loads(data):
            pass
        del lock
        with pytest.raises(processing.HandleError):
            lowlevel.loads(data)
        assert cell not in [primitive.cell for primitive in processing.primitives()]

    def test_with_binds_the_right_lock(self) -> None:
        """Half of the threads share a lock, each of the others has its own."""
        shared, rounds, inside = processing.Lock(), [0] * THREADS, [0]

        def counting(i: int, lock: processing.Lock) -> Callable[[], None]:
            def body() -> None:
                with lock:
                    rounds[i] += 1
                    if lock is shared:
                        inside[0] += 1

            return body

        together(*[counting(i, processing.Lock() if i % 2 else shared) for i in range(THREADS)])
        assert inside[0] == sum(rounds[::2])

    def test_recording_of_creation_is_turned_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """While others make primitives: each has the line that made it, or none."""
        monkeypatch.setenv("PROCESSING_RECORD_CREATION", "")

        def body() -> None:
            lock = processing.Lock()
            assert lock.locked() is False

        def turn() -> None:
            processing.record_creation()
            processing.record_creation(False)

        together(turn, turn, *[body] * (THREADS - 2))
        lock = processing.Lock()
        assert [p.created for p in processing.primitives() if p.cell == lock.cell] == [None]


class TestChangingWhileEncoded:
    """A message contains each container as it was at some time, and can always be read."""

    def changing(
        self, change: Iterable[Callable[[], object]], container: object, check: Callable[[object], bool]
    ) -> None:
        box = processing.SimpleQueue()
        changes = list(change)

        def sending() -> None:
            box.put(container)
            assert check(box.get())

        together(sending, *changes, *changes)

    def test_lists(self) -> None:
        items: list[object] = [float(i) for i in range(200)]

        def replace() -> None:
            items.clear()
            items.extend([float(i) for i in range(200)])

        self.changing([replace], items, lambda got: isinstance(got, list) and all(type(g) is float for g in got))

    def test_lists_in_lists(self) -> None:
        items: list[object] = [[i, str(i)] for i in range(10)]  # with more lists the whole list is pickled

        def change() -> None:
            for item in list(items):
                item.clear()
                item.extend([str(i) for i in range(10)])

        self.changing([change], items, lambda got: isinstance(got, list) and all(type(g) is list for g in got))

    def test_long_lists(self) -> None:
        items: list[object] = list(range(1000))

        def cut() -> None:
            del items[300:]
            items.extend(range(700))

        self.changing([cut], items, lambda got: isinstance(got, list) and all(type(g) is int for g in got))

    def test_dictionaries(self) -> None:
        table: dict[str, object] = {str(i): [i] for i in range(10)}

        def cut() -> None:
            for i in range(5):
                table.pop(str(i), None)
                table[f"new {i}"] = [i]
            for i in range(5):
                table.pop(f"new {i}", None)
                table[str(i)] = [i]

        self.changing([cut], table, lambda got: isinstance(got, dict) and all(type(g) is list for g in got.values()))

    def test_bytearrays(self) -> None:
        data = bytearray(b"x" * 100)

        def resize() -> None:
            for n in (10, 9000, 100):
                try:
                    data[:] = b"x" * n
                except BufferError:  # it is being sent
                    pass

        self.changing([resize], data, lambda got: isinstance(got, bytearray) and set(got) <= {ord("x")})


class Unreadable:
    """An object that cannot be unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (int, ("no number",))


class TestQueues:
    def test_leftovers_are_delivered_once(self) -> None:
        """`get_many` keeps the items that follow one that cannot be unpickled."""
        box: processing.Queue[object] = processing.Queue()
        put, got = [0] * THREADS, [0] * THREADS

        def body(i: int) -> None:
            box.put_many([1, Unreadable(), 2, 3])
            put[i] += 3
            for _ in range(3):
                try:
                    got[i] += len(box.get_many(2, block=False))
                    box.qsize(), box.empty()
                except ValueError:
                    pass
                except queue.Empty:
                    break

        together(*[lambda i=i: body(i) for i in range(THREADS)])
        while not box.empty():
            try:
                got[0] += len(box.get_many(100, block=False))
            except ValueError:
                pass
        assert sum(got) == sum(put)

    def test_pipes_closed_under_their_users(self) -> None:
        ends = [processing.Pipe()]

        def renew() -> None:
            old, ends[0] = ends[0], processing.Pipe()
            for end in old:
                end.close()

        def use() -> None:
            a, b = ends[0]
            try:
                for _ in range(20):  # no thread receives more than it has sent
                    b.poll()
                    a.send([1])
                    b.recv()
                    b.fileno()
            except (OSError, EOFError, ValueError):
                pass

        together(renew, renew, *[use] * (THREADS - 2), seconds=2 * SECONDS)
        renew()
        for end in ends[0]:
            end.close()


def listener() -> Callable[[], object]:
    return Listener().close


def accept_now(of: Listener) -> None:
    with suppress(TimeoutError):
        of.accept(timeout=0)


def connection() -> Callable[[], object]:
    ours, theirs = socket.socketpair()
    theirs.close()
    return Connection(ours.detach()).close


def shared_memory() -> Callable[[], object]:
    memory = SharedMemory(create=True, size=1)
    memory.unlink()
    return memory.close


def descriptor() -> Callable[[], int]:
    return lowlevel.Descriptor(os.open(os.devnull, os.O_RDONLY)).detach


def named_pipe() -> Callable[[], int]:
    from processing_queues._platform._windows_pipes import PipeSocket

    return PipeSocket(descriptor()()).detach


ON_WINDOWS = pytest.mark.skipif(sys.platform != "win32", reason="named pipes are Windows'")


def beside(call: Callable[[], object], step: int, other: Callable[[], object]) -> bool:
    """Run a call, and ``other`` in another thread before its bytecode of this number; whether it has one."""
    left = step

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal left
        frame.f_trace, frame.f_trace_opcodes = trace, True  # in this order: see `interruption_points`
        if event == "opcode" and frame.f_code.co_filename.startswith(interruption_points.PACKAGES):
            left -= 1
            if left == 0:
                thread = threading.Thread(target=other)
                thread.start()
                thread.join()
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # CPython 3.12 traces bytecodes only if a frame has asked for it before
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return left <= 0


class TestClosing:
    @pytest.mark.parametrize("make", [connection, listener, shared_memory])
    def test_a_second_thread_at_every_step(self, make: Callable[[], Callable[[], object]]) -> None:
        """What it opens behind its own `close`, under the same number, is not closed by the first."""
        step, reached = 0, True
        while reached:
            step, close, files = step + 1, make(), list[int]()

            def other(close: Callable[[], object] = close, files: list[int] = files) -> None:
                close()
                files.append(os.open(os.devnull, os.O_RDONLY))

            reached = beside(close, step, other)
            for number in files:
                os.close(number)  # which no other code has closed
        assert step > 20

    @pytest.mark.parametrize("call", [accept_now, Listener.fileno])
    def test_a_listener_at_every_step(self, call: Callable[[Listener], object]) -> None:
        """A thread that accepts finds it closed, or no client in time, whenever another closes it."""
        step, reached = 0, True
        while reached:
            step, listener = step + 2, Listener()
            with suppress(processing.ClosedError):
                reached = beside(lambda listener=listener: call(listener), step, listener.close)
            listener.close()
        assert step > 10

    @pytest.mark.skipif(sys.platform == "win32", reason="a named pipe has no file")
    def test_the_file_of_the_next_listener_stays(self, tmp_path: Path) -> None:
        """A thread that closes a listener, too, does not remove what the other has made since under its address."""
        step, reached, made, address = 0, True, 0, str(tmp_path / "listener")
        while reached:
            step, following = step + 1, list[Listener]()
            listener = Listener(address)

            def other(listener: Listener = listener, following: list[Listener] = following) -> None:
                listener.close()
                with suppress(OSError):  # the first thread is about to remove its file
                    following.append(Listener(address))

            reached = beside(listener.close, step, other)
            made += len(following)
            assert os.path.exists(address) is bool(following)
            for one in following:
                one.close()
        assert made > 10

    @pytest.mark.parametrize("make", [descriptor, pytest.param(named_pipe, marks=ON_WINDOWS)])
    def test_a_descriptor_is_given_away_once(self, make: Callable[[], Callable[[], int]]) -> None:
        """Of two threads that detach it one gets its number, whichever step of its bytecode the other comes at."""
        step, reached = 0, True
        while reached:
            step, detach, numbers = step + 1, make(), list[int]()

            def other(detach: Callable[[], int] = detach, numbers: list[int] = numbers) -> None:
                numbers.append(detach())

            reached = beside(other, step, other)
            assert len({-1, *numbers}) == 2
            assert numbers.count(-1) == len(numbers) - 1
            lowlevel.Descriptor(max(numbers)).close()
        assert step > 3

    @pytest.mark.parametrize("method", processing.get_all_start_methods())
    @pytest.mark.parametrize("call", [processing.Process.join, lambda _: processing.active_children()])
    def test_a_process_at_every_step(self, call: Callable[[processing.Process], object], method: str) -> None:
        """A thread that waits for a process finds it closed, or all in order, whenever another closes it."""
        step, reached, stride = 0, True, {"spawn": 25}.get(method, rounds(7, 2))
        while reached:
            step, process = step + stride, processing.get_context(method).Process(target=int)
            process.start()
            wait([process.sentinel])

            def other(process: processing.Process = process) -> None:
                process.join()
                process.close()

            with suppress(processing.ClosedError):
                reached = beside(lambda process=process: call(process), step, other)
        assert step > 40
