"""`top`, `stacks` and `timeline`, on programs that know nothing of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from processing import introspection
from processing._commands import main
from processing_testing.harness import scripts
from processing_testing.harness.attack import rounds
from processing_testing.harness.mechanisms import (
    START_METHODS,
    needs_forks,
    needs_inspection,
    needs_process_figures,
    needs_traces,
)
from processing_testing.harness.unread import buffered, full_pipe

PROGRAM = """
import processing, time

def work(seconds):
    time.sleep(seconds)

def hold(lock, queue, event):
    with lock:
        queue.put("item")
        event.wait()

if __name__ == "__main__":
    processing.set_start_method("fork")
    processing.record_creation()
    lock, queue, event = processing.Lock(), processing.Queue(), processing.Event()
    for name in ("first", "second"):
        processing.Process(target=hold, args=(lock, queue, event), name=name, daemon=True).start()
    with processing.Pool(2) as pool:
        pool.map(work, [60, 60])
"""


@contextmanager
def running(path: Path, program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own, which is killed at the end."""
    file = path / "program.py"
    file.write_text(program)
    process = subprocess.Popen([sys.executable, str(file), *arguments], start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def settled(pid: int) -> introspection.Family:
    """The family, as soon as both workers are busy and two threads wait."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            family = introspection.family(pid)
        except introspection.NotReadable:
            continue
        waiting = [member for member in family.members if member.waits and member.name in ("first", "second")]
        if len(waiting) == 2 and any(pool.busy == 2 for pool in family.pools):
            return family
        time.sleep(0.05)
    raise AssertionError("the program does not get there")


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[introspection.Family]:
    """The family of the program."""
    with running(tmp_path_factory.mktemp("top"), PROGRAM) as process:
        yield settled(process.pid)


def root(family: introspection.Family) -> str:
    """The pid of its first process."""
    return str(family.members[0].pid)


@needs_inspection
class TestFamily:
    def test_members_are_a_tree(self, family: introspection.Family) -> None:
        main_process, *others = family.members
        assert (main_process.name, main_process.parent) == ("MainProcess", None)
        assert {member.parent for member in others} == {main_process.serial}
        assert {member.name for member in others} >= {"first", "second"}
        assert all(member.memory > 0 and member.state in ("running", "sleeping") for member in family.members)

    def test_workers_and_their_tasks(self, family: introspection.Family) -> None:
        (pool,) = family.pools
        assert (pool.workers, pool.busy, pool.done, pool.queued) == (2, 2, 0, 0)
        tasks = [member.task for member in family.members if member.task is not None]
        assert sorted((task.function, task.index) for task in tasks) == [("work", 0), ("work", 1)]

    def test_who_waits_for_what(self, family: introspection.Family) -> None:
        (lock,) = (item for item in family.primitives if item.kind == "Lock")
        names = {member.serial: member for member in family.members}
        (holder,), (waiter,) = lock.holders, lock.waiters
        assert {names[holder].name, names[waiter].name} == {"first", "second"}
        (wait,) = names[waiter].waits
        assert (wait.cell, wait.on, wait.timed) == (lock.cell, "acquire", False)
        assert wait.frames[0].endswith(":hold")
        assert lock.made is not None and lock.made.endswith("program.py:15")

    def test_queues(self, family: introspection.Family) -> None:
        (queue,) = (item for item in family.queues if item.made and item.made.endswith(":15") and item.items)
        assert (queue.items, queue.puts, queue.gets, queue.max_items) == (1, 1, 0, None)
        assert queue.bytes > 0

    def test_it_is_ready_for_json(self, family: introspection.Family) -> None:
        again = json.loads(json.dumps(family.to_dict()))
        assert again["members"][0]["name"] == "MainProcess"
        assert again["torn"] == 0
        assert family.arena.kinds["Lock"][0] == 1

    def test_leaks(self, family: introspection.Family) -> None:
        found = introspection.leaks(int(root(family)))
        assert {(leak.kind, leak.cells) for leak in found if leak.made and leak.made.endswith(":15")} >= {("Lock", 1)}


class TestCommands:
    @needs_inspection
    def test_once(self, family: introspection.Family, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["top", root(family), "--once"]) == 0
        text = capsys.readouterr().out
        assert "work [0]" in text
        assert "waits for Lock" in text
        assert "arena:" in text

    @needs_inspection
    def test_json(self, family: introspection.Family, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["top", root(family), "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["pools"]) == 1

    @needs_inspection
    def test_stacks(self, family: introspection.Family, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["stacks", root(family)]) == 0
        text = capsys.readouterr().out
        assert "MainThread waits for Lock" in text
        assert ":hold" in text

    def test_one_that_is_gone(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["top", "999999999", "--once"]) == 1
        assert "there is no process 999999999" in capsys.readouterr().err

    def test_one_without_a_family(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["top", "1", "--once"]) == 1
        assert "process 1" in capsys.readouterr().err


KILLS = """
import os, random, signal, sys, time
import processing

def churn(lock, queue):
    while True:
        with lock:
            queue.put(os.getpid())
        queue.get()

if __name__ == "__main__":
    processing.set_start_method("fork")
    lock, queue = processing.RLock(), processing.Queue()
    print(os.getpid(), flush=True)
    for n in range(int(sys.argv[1])):
        victims = [processing.Process(target=churn, args=(lock, queue), daemon=True) for _ in range(2)]
        for victim in victims:
            victim.start()
        time.sleep(random.random() / 50)
        for victim in victims:
            victim.kill()
            victim.join()
        try:
            lock.acquire()
            lock.release()
        except processing.OwnerDied:
            with lock.recover():
                pass
        while not queue.empty():
            queue.get()
    print("done", flush=True)
"""


@needs_inspection
@pytest.mark.attack
@pytest.mark.watchdog(300)
def test_beside_kills(tmp_path: Path) -> None:
    """It is right, or says what is torn, and the program goes on."""
    program = tmp_path / "kills.py"
    program.write_text(KILLS)
    command = [sys.executable, str(program), str(rounds(20, 500))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        seen: list[introspection.Family] = []
        while process.poll() is None:
            try:
                seen.append(introspection.family(pid))
            except introspection.NotReadable:
                break
        assert process.stdout.read() == "done\n"
    assert len(seen) > 5
    for family in seen:
        json.dumps(family.to_dict())
        assert family.deadlocks == ()
        assert all(queue.items >= 0 for queue in family.queues)
        assert {item.kind for item in family.primitives} <= {"RLock"}


TRACED = """
import os, sys, time, processing

def work(seconds):
    time.sleep(seconds)

def die():
    os.kill(os.getpid(), 9)

if __name__ == "__main__":
    processing.set_start_method(sys.argv[2])
    with processing.trace(sys.argv[1]), processing.Pool(1) as pool:
        pool.map(work, [0.1] * 5, 1)
        pool.map(abs, range(1000))
        try:
            pool.apply(die)
        except processing.WorkerDied:
            pass
        pool.apply(work, (0.05,))
        if len(sys.argv) > 3:
            os.kill(os.getpid(), 9)
        pool.close()
        pool.join()
"""


def traced(path: Path, method: str, *arguments: str) -> list[dict[str, Any]]:
    """The events of the program's trace."""
    (path / "traced.py").write_text(TRACED)
    command = [sys.executable, str(path / "traced.py"), str(path / "run.json"), method, *arguments]
    subprocess.run(command, check=not arguments, timeout=50)
    assert main(["timeline", str(path / "run.json")]) == 0
    found: list[dict[str, Any]] = json.loads((path / "run.json").read_text())["traceEvents"]
    return found


class TestTraces:
    @needs_traces
    @pytest.mark.parametrize("method", START_METHODS)
    def test_tasks_and_processes(self, tmp_path: Path, method: str) -> None:
        events = traced(tmp_path, method)
        spans = [event for event in events if event["ph"] == "X"]
        tasks = [span for span in spans if span["cat"] == "task"]
        assert sum(span["args"]["items"] for span in tasks if span["name"] == "work") == 6
        assert sum(span["args"]["items"] for span in tasks if span["name"] == "abs") == 1000
        assert sum(span["dur"] for span in tasks if span["name"] == "work") >= 0.55e6
        lives = [span for span in spans if span["cat"] == "process" and "PoolWorker" in span["name"]]
        assert [life["args"]["ended"] for life in sorted(lives, key=lambda life: life["ts"])] == [
            "not said",
            "by itself",
        ]
        assert any(span["cat"] == "wait" for span in spans)
        assert not (tmp_path / "run.json.parts").exists()
        page = (tmp_path / "run.html").read_text()
        assert "work" in page
        assert "http" not in page

    @needs_traces
    def test_of_a_program_that_was_killed(self, tmp_path: Path) -> None:
        events = traced(tmp_path, "fork", "killed")
        assert sum(event["args"].get("items", 0) for event in events if event.get("name") == "work") == 6

    @needs_traces
    def test_by_the_environment(self, tmp_path: Path) -> None:
        program = "import processing\nwith processing.Pool(1) as pool: pool.map(abs, [1])\n"
        path = tmp_path / "trace.json"
        subprocess.run([sys.executable, "-c", program], env={**os.environ, "PROCESSING_TRACE": str(path)}, check=True)
        assert any(event["name"] == "abs" for event in json.loads(path.read_text())["traceEvents"])

    def test_no_trace(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["timeline", str(tmp_path / "missing.json")]) == 1
        assert "is no trace" in capsys.readouterr().err


@needs_process_figures
def test_a_program_sees_its_own_family() -> None:
    scripts.run(
        """
        import processing, time
        from processing import introspection

        def answer(queue, event):
            queue.put(None)
            event.wait()

        if __name__ == "__main__":
            queue, event = processing.Queue(), processing.Event()
            process = processing.get_context("spawn").Process(target=answer, args=(queue, event), name="child")
            process.start()
            queue.get()
            deadline = time.monotonic() + 20
            child = None
            while child is None or not child.waits:  # a wait is seen after a slice
                assert time.monotonic() < deadline, child
                members = introspection.family().members
                root = members[0]
                child = next((member for member in members if member.name == "child"), None)
            assert (root.name, root.parent, child.parent) == ("MainProcess", None, root.serial), (root, child)
            assert child.pid == process.pid and child.waits[0].on == "wait" and "Event" in child.waits[0].what, child
            for member in (root, child):
                assert member.state in ("running", "sleeping"), member
                assert member.memory > 1 << 20 and member.threads >= 1 and member.cpu > 0, member
            assert 0 < child.age < root.age < 50, (root, child)
            event.set()
            process.join()
            members = introspection.family().members
            assert all(member.state == "dead" for member in members if member.pid == process.pid), members
        """
    )


@needs_process_figures
def test_a_program_says_itself_that_it_hangs(tmp_path: Path) -> None:
    program = "import processing\nlock = processing.Lock()\nlock.acquire()\nlock.acquire()\n"
    environment = {**os.environ, "PROCESSING_DEADLOCK": "warn:0.5"}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.kill()
    assert line.startswith("processing: deadlock: MainProcess waits for Lock 1 (held by MainProcess")


CROSSWISE = """
import processing, time

def hold(mine, other, both):
    mine.acquire(), both.wait(), other.acquire()

if __name__ == "__main__":
    context = processing.get_context("fork")
    one, two, both = context.RLock(), context.RLock(), context.Barrier(2)
    for locks in ((one, two), (two, one)):
        context.Process(target=hold, args=(*locks, both), daemon=True).start()
    time.sleep(2)
"""


@needs_forks
def test_a_program_ends_though_nobody_reads_what_it_says() -> None:
    environment = buffered(PROCESSING_DEADLOCK="warn:0.3")
    with (
        full_pipe() as unread,
        subprocess.Popen([sys.executable, "-c", CROSSWISE], env=environment, stderr=unread) as process,
    ):
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()
