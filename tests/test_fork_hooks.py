"""Forks by `os.fork` and by C code, and handles that are not valid any more."""

import subprocess
import sys

import pytest

from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

KINDS = {
    "Lock()": "it.acquire(block=False)",
    "RLock()": "it.acquire(block=False)",
    "Semaphore(1)": "it.acquire(block=False)",
    "BoundedSemaphore(1)": "it.acquire(block=False)",
    "Condition()": "it.acquire(block=False)",
    "Event()": "it.set()",
    "Queue()": "it.put(1)",
    "Value('i', 0)": "it.value",
}

pytestmark = [
    needs_forks,
    pytest.mark.parametrize(("make", "use"), KINDS.items(), ids=[name.partition("(")[0] for name in KINDS]),
]

PRELUDE = """
import ctypes, gc, os, pickle, signal, sys
import processing
from processing_core import lowlevel

MAKE, USE = sys.argv[1:]

def make():
    return eval("processing." + MAKE)

def use(it):
    exec(USE)

def family():
    return [pid for slot, serial, pid, name in lowlevel.members()]

def refused(error, function, *arguments):
    try:
        function(*arguments)
    except error as raised:
        return str(raised)
    raise AssertionError(f"{error.__name__} was not raised")

def succeed(pid):
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
"""


def run(source: str, make: str, use: str, **environment: str) -> str:
    return scripts.run(PRELUDE + source, make, use, **environment)


class TestForksThroughPython:
    def test_the_child_is_a_member_of_its_own_and_its_handles_are_counted(self, make: str, use: str) -> None:
        run(
            """
use(make())
gc.collect()
before = lowlevel.stats()["cells"]
it = make()
from_child, to_parent = os.pipe()
from_parent, to_child = os.pipe()
identity = lowlevel.member()
pid = os.fork()
if pid == 0:
    try:
        assert lowlevel.member() != identity
        assert lowlevel.member()[1] != identity[1]
        os.write(to_parent, b".")
        os.read(from_parent, 1)
        use(it)  # the parent has dropped it
        os.write(to_parent, b".")
        os.read(from_parent, 1)
        os._exit(0)
    finally:
        os._exit(1)
os.close(to_parent)
assert os.read(from_child, 1) == b"."
assert sorted(family()) == sorted([os.getpid(), pid])
del it
gc.collect()
os.write(to_child, b".")
assert os.read(from_child, 1) == b"."
assert lowlevel.stats()["cells"] > before, "the child's handle is not counted"
os.write(to_child, b".")
succeed(pid)
lowlevel.sweep()
assert lowlevel.stats()["cells"] == before, "the child's death released nothing"
lowlevel.verify()
""",
            make,
            use,
        )

    def test_a_grandchild_too(self, make: str, use: str) -> None:
        run(
            """
it = make()
identity = lowlevel.member()
if (child := os.fork()) == 0:
    own = lowlevel.member()
    if (grandchild := os.fork()) == 0:
        use(it)
        os._exit(lowlevel.member()[1] in (own[1], identity[1]))
    succeed(grandchild)
    os._exit(0)
succeed(child)
""",
            make,
            use,
        )

    def test_a_fork_before_the_family_makes_two_families(self, make: str, use: str) -> None:
        run(
            """
from_child, to_parent = os.pipe()
if (child := os.fork()) == 0:
    it = make()
    use(it)
    os.write(to_parent, pickle.dumps(it))
    os._exit(0)
os.close(to_parent)
own = make()
use(own)
succeed(child)
refused(processing.HandleError, pickle.loads, open(from_child, "rb").read())
""",
            make,
            use,
        )


class TestForksByC:
    def test_handles_raise_and_finalizers_do_nothing(self, make: str, use: str) -> None:
        run(
            """
it, dropped, spare = make(), make(), make()
before = lowlevel.stats()["cells"]
pid = ctypes.PyDLL(None).fork()
if pid == 0:
    try:
        assert "fork" in refused(processing.ForkError, use, it)
        refused(processing.ForkError, make)
        refused(processing.ForkError, pickle.dumps, it)
        del dropped
        gc.collect()
        os._exit(0)
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        os._exit(1)
succeed(pid)
lowlevel.sweep()
lowlevel.verify()
assert lowlevel.stats()["cells"] == before, "the stranger's finalizer dropped a reference"
use(it), use(dropped)
assert family() == [os.getpid()]
""",
            make,
            use,
        )

    def test_the_child_of_such_a_child_raises_too(self, make: str, use: str) -> None:
        run(
            """
it = make()
pid = ctypes.PyDLL(None).fork()
if pid == 0:
    try:
        if (child := os.fork()) == 0:
            refused(processing.ForkError, use, it)
            os._exit(0)
        succeed(child)
        os._exit(0)
    finally:
        os._exit(1)
succeed(pid)
use(it)
""",
            make,
            use,
        )


class TestHandles:
    def test_a_stale_one_raises(self, make: str, use: str) -> None:
        run(
            """
it = make()
data = pickle.dumps(it)
use(pickle.loads(data))
del it
gc.collect()
others = [make() for _ in range(100)]  # these may reuse the freed cells
refused(processing.HandleError, pickle.loads, data)
""",
            make,
            use,
        )

    def test_one_of_another_family_raises(self, make: str, use: str) -> None:
        source = "import pickle, processing, sys; it = eval('processing.' + sys.argv[1]); {}"
        command = [sys.executable, "-c", source.format("print(pickle.dumps(it).hex(), flush=True); input()"), make]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            data = other.stdout.readline().strip()
            message = run(f"print(refused(processing.HandleError, pickle.loads, bytes.fromhex({data!r})))", make, use)
            assert "family" in message
            other.communicate("\n")

    def test_one_without_a_family_raises(self, make: str, use: str) -> None:
        data = run("print(pickle.dumps(make()).hex())", make, use).strip()
        run(f"refused(processing.HandleError, pickle.loads, bytes.fromhex({data!r}))", make, use)

    def test_a_full_arena_raises_and_room_can_be_made(self, make: str, use: str) -> None:
        run(
            """
kept = []
try:
    while True:
        kept.append(make())
except MemoryError as error:
    assert str(error), "it says nothing"
assert len(kept) > 100
use(kept[0])
del kept[len(kept) // 2:]
gc.collect()
use(make())
lowlevel.verify()
""",
            make,
            use,
            PROCESSING_ARENA_LIMIT=str(1 << 20),
        )
