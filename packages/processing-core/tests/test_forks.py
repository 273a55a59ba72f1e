"""Handles that are made between the counting of a fork's child's references and the fork itself."""

import subprocess
import sys

import pytest

from processing_testing import scripts

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
    k.check()
    made.clear()
    k.check()
    more = [k.Lock() for _ in range(300)]
    assert len({lock.cell for lock in old + fresh + more}) == 313
    del fresh, more
    gc.collect()
    k.check()

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
k.check()
made.clear()
k.check()
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
                lowlevel.bury(slot, serial)
            lowlevel.sweep()
            lowlevel.check()
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
