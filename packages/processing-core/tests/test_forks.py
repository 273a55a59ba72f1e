"""Handles that are made between the counting of a fork's child's references and the fork itself."""

import subprocess
import sys

import pytest

from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

pytestmark = needs_forks

PROGRAM = """
import gc, os, sys
from processing_core._family import ensure_family
from processing_core._native import _kernel as k

def late():
    made.extend(k.Lock() for _ in range(int(sys.argv[1]) if armed else 0))

armed, made = False, []
os.register_at_fork(before=late)  # registered before ours, so it runs after ours
ensure_family()
old, armed = [k.Lock() for _ in range(3)], True

def child():
    assert made[0].acquire(False) and made[-1].acquire(False)
    fresh = [k.Lock() for _ in range(10)]
    k.verify()
    made.clear()
    k.verify()
    more = [k.Lock() for _ in range(300)]
    assert len({lock.cell for lock in old + fresh + more}) == 313
    del fresh, more
    gc.collect()
    k.verify()

pid = os.fork()
if pid == 0:
    try:
        child()
        os._exit(0)
    finally:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
assert os.waitpid(pid, 0)[1] == 0
k.sweep()
k.verify()
made.clear()
k.verify()
assert k.stats()["cells"] == 3
"""


@pytest.mark.parametrize("handles", [5, 200], ids=["in the same chunk", "in new chunks"])
def test_the_child_counts_them_too(handles: int) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM, str(handles)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


class TestSeveral:
    def test_each_is_a_member_of_its_own_and_holds_no_others_token(self) -> None:
        scripts.run(
            """
            import os
            import processing_core
            from processing_core import lowlevel
            from processing_core._native import _kernel

            lowlevel.ensure_family()
            parcel = lowlevel.pack("held")
            descriptors = len(os.listdir("/proc/self/fd"))
            ends = [os.pipe() for _ in range(3)]
            go, said = ends[0], ends[1]
            forked = _kernel.fork_several(3)
            if forked is None:
                try:
                    slot, serial = lowlevel.member()
                    assert lowlevel.unpack(parcel) == "held"
                    assert len(os.listdir("/proc/self/fd")) == descriptors + 6
                    os.write(said[1], f"{os.getpid()} {slot} {serial}\\n".encode())
                    os.close(go[1])
                    os.read(go[0], 1)
                    os._exit(0)
                finally:
                    os._exit(1)
            children, failure = forked
            assert failure == 0 and len(children) == 3
            told = b""
            while told.count(b"\\n") < 3:
                told += os.read(said[0], 100)
            assert {tuple(map(int, line.split())) for line in told.splitlines()} == set(children)
            assert len(os.listdir("/proc/self/fd")) == descriptors + 6
            del parcel
            os.close(go[1])
            for pid, slot, serial in children:
                assert os.waitpid(pid, 0)[1] == 0
                assert not lowlevel.alive(slot, serial)
                lowlevel.reap(slot, serial)
            lowlevel.sweep()
            lowlevel.verify()
            assert lowlevel.stats()["cells"] == 0, lowlevel.stats()
            """
        )

    def test_where_the_family_has_no_room_there_are_fewer(self) -> None:
        scripts.run(
            """
            import errno, os
            import processing_core
            from processing_core import lowlevel
            from processing_core._native import _kernel

            lowlevel.ensure_family()
            tokens = []
            try:
                while True:
                    tokens.append(_kernel.reserve("taken"))
            except RuntimeError:
                pass
            for place in tokens[-2:]:
                _kernel.close_token(place[2])
            forked = _kernel.fork_several(4)
            if forked is None:
                os._exit(0)
            children, failure = forked
            assert len(children) == 2 and failure == errno.ENOMEM, forked
            for pid, slot, serial in children:
                assert os.waitpid(pid, 0)[1] == 0
            """
        )


DEPTHS = """
import os, sys
from processing_core.lowlevel import fork_depth

def depth_of_child(forks):
    pid = os.fork()
    if pid == 0:
        os._exit(fork_depth() if forks == 1 else depth_of_child(forks - 1))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

print(fork_depth(), depth_of_child(1), depth_of_child(2), fork_depth())
if len(sys.argv) > 1:
    from processing_core._family import ensure_family
    ensure_family()
    print(fork_depth(), depth_of_child(1), depth_of_child(2), fork_depth())
"""


def test_the_depth_counts_the_forks_with_a_family_and_without() -> None:
    assert scripts.run(DEPTHS, "family").split() == ["0", "1", "2", "0"] * 2


@pytest.mark.parametrize("where", ["at its end", "in its target", "at its beginning"])
def test_no_child_comes_back_into_the_program_that_forked_it(where: str) -> None:
    """A signal handler may raise at any point in the child; where the program caught that, the child ran its code."""
    scripts.run(
        """
        import os, signal, sys
        import processing_core

        class Stream:
            def flush(self):
                if sys.argv[1] == "at its end" and os.getpid() != parent:
                    signal.raise_signal(signal.SIGTERM)

        def stop(*_):
            raise LookupError

        def target():
            if sys.argv[1] == "in its target":
                signal.raise_signal(signal.SIGTERM)

        def at_once():
            if sys.argv[1] == "at its beginning":
                os.kill(os.getpid(), signal.SIGTERM)

        parent = os.getpid()
        sys.stdout, sys.stderr = Stream(), open(os.devnull, "w")
        signal.signal(signal.SIGTERM, stop)
        os.register_at_fork(after_in_child=at_once)
        read, write = os.pipe()
        process = processing_core.get_context("fork").Process(target=target)
        try:
            process.start()
        except BaseException:
            pass
        if os.getpid() != parent:
            os.write(write, b"x")
            os._exit(99)
        process.join(30)
        os.close(write)
        assert os.read(read, 10) == b"", "the child went on as its parent"
        """,
        where,
    )


def test_what_a_thread_writes_while_a_start_waits_for_its_end_is_written_once() -> None:
    written = scripts.run(
        """
        import sys, threading
        import processing_core
        from processing_core import _forks

        process = processing_core.get_context("fork").Process(target=sys.exit)
        waits = threading.Event()

        class Ending(threading.Thread):
            def join(self, timeout=None):
                waits.set()
                super().join(timeout)

        def end():
            waits.wait()
            print("once")

        thread = Ending(target=end)
        with _forks.without_forks():
            _forks.thread_ends(thread)
        thread.start()
        process.start()
        process.join()
        """,
        PYTHONUNBUFFERED="",
    )
    assert written == "once\n"
