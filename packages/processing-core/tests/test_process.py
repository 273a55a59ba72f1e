from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import processing_core
from processing_core import BaseContext, ClosedError, Process, StateError, lowlevel
from processing_testing.children import functions as children
from processing_testing.children import killing
from processing_testing.harness import leaks
from processing_testing.harness.mechanisms import (
    needs_forks,
    needs_numbered_descriptors,
    needs_selectable_pipes,
    needs_signals_to_processes,
)
from processing_testing.harness.rendezvous import Rendezvous

ALL_BITS = 0xFF if hasattr(os, "WEXITSTATUS") else 0xFFFFFFFF
"""What the system keeps of the exit code -1."""

FORKED_WITH_THREADS = "ignore:This process .* is multi-threaded:DeprecationWarning"


def ended(process: Process) -> int | None:
    """Join *process*, and return its exit code."""
    process.join(30)
    assert not process.is_alive()
    return process.exitcode


def run(context: BaseContext, target: Callable[..., object], *args: object, **options: Any) -> Process:
    process = context.Process(target=target, args=args, **options)
    process.start()
    return process


class Program:
    """A program in another interpreter, which executes the lines that a test sends."""

    SCRIPT = """
import os, sys
import processing_core
from processing_testing.children import functions as children
context = processing_core.get_context(sys.argv[1])
def server():
    if sys.argv[1] != "forkserver":
        return ""
    from processing_core._start import _forkserver
    return _forkserver.running_server().pid
for line in sys.stdin:
    exec(line)
"""

    def __init__(self, method: str, address: str) -> None:
        self.method, self.address = method, address
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, method],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def execute(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")

    def ask(self, expression: str) -> str:
        assert self.process.stdout is not None
        self.execute(f"print({expression}, flush=True)")
        return self.process.stdout.readline().strip()

    def start(self, target: str, args: str, *, instead: str | None = None, daemon: bool = False) -> None:
        first = repr(self.address) if instead is None else instead
        self.execute(f"context.Process(target={target}, args=({first}, {args}), daemon={daemon}).start()")

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def program(method: str, rendezvous: Rendezvous) -> Iterator[Program]:
    program = Program(method, rendezvous.address)
    yield program
    program.end()


class TestLife:
    def test_passes_arguments(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.report, args=(rendezvous.address, 1), kwargs={})
        process.start()
        assert rendezvous.receive() == [1]
        assert ended(process) == 0

    def test_goes_from_initial_to_closed(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.report_and_wait, args=(rendezvous.address,))
        assert (process.pid, process.ident, process.exitcode, process.is_alive()) == (None, None, None, False)
        assert process not in processing_core.active_children()
        process.start()
        peer = rendezvous.accept()
        assert process.is_alive() and process.exitcode is None and process.pid == process.ident
        assert process in processing_core.active_children()
        process.join(0)
        process.join(-1)
        assert process.is_alive()
        peer.release()
        assert ended(process) == 0
        assert process not in processing_core.active_children()
        process.close()
        process.close()
        with pytest.raises(ClosedError, match="process object is closed"):
            process.join()

    def test_is_seen_from_within(self, context: BaseContext, method: str, rendezvous: Rendezvous) -> None:
        process = run(context, children.report_identity, rendezvous.address, name="somebody")
        told = rendezvous.receive()[0]
        assert ended(process) == 0
        assert told["name"] == "somebody"
        assert told["pid"] == told["real pid"] == process.pid
        assert told["daemon"] is False
        assert told["authkey"] == processing_core.current_process().authkey.hex()
        assert (told["parent"], told["parent pid"], told["parent lives"]) == ("MainProcess", os.getpid(), True)
        assert told["method"] == method
        assert told["children"] == 0
        assert told["argv"] == sys.argv
        assert told["directory"] == os.getcwd()
        assert told["stdin"] == ""
        assert re.fullmatch(rf"<\w+ name='somebody' parent={os.getpid()} started>", told["repr"])

    def test_the_parent_is_known_to_have_ended(self, context: BaseContext, method: str, rendezvous: Rendezvous) -> None:
        program = (
            "import sys, processing_core as p, os\n"
            "from processing_testing.children import functions as children\n"
            "p.get_context(sys.argv[1]).Process(target=children.outlive_parent, args=(eval(sys.argv[2]),)).start()\n"
            "sys.stdin.read()\n"
            "os._exit(0)\n"
        )
        command = [sys.executable, "-c", program, method, repr(rendezvous.address)]
        parent = subprocess.Popen(command, stdin=subprocess.PIPE)
        peer = rendezvous.accept()
        assert peer.receive() == [parent.pid, True]
        parent.communicate()
        assert peer.receive() == [parent.pid, False]

    def test_many_at_once(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        processes = [run(context, children.report_and_wait, rendezvous.address, number) for number in range(8)]
        peers = [rendezvous.accept() for _ in processes]
        assert sorted(peer.receive() for peer in peers) == [[number] for number in range(8)]
        assert set(processes) <= set(processing_core.active_children())
        for peer in peers:
            peer.release()
        assert [ended(process) for process in processes] == [0] * 8

    @pytest.mark.filterwarnings(FORKED_WITH_THREADS)
    def test_started_by_threads(self, context: BaseContext, method: str) -> None:
        # With this number each start reuses the slot of a process that has just left the family and is still ending.
        count = 5 if method == "spawn" else 40
        codes: list[int | None] = []

        def start() -> None:
            codes.extend(ended(run(context, children.exit_with, 3)) for _ in range(count))

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == [3] * 4 * count

    def test_joined_by_threads(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = run(context, children.report_and_wait, rendezvous.address)
        codes: list[int | None] = []
        threads = [threading.Thread(target=lambda: codes.append(ended(process))) for _ in range(6)]
        peer = rendezvous.accept()
        for thread in threads:
            thread.start()
        peer.release()
        for thread in threads:
            thread.join()
        assert codes == [0] * 6

    @pytest.mark.parametrize("kind", [children.Reporter, children.SlottedReporter])
    def test_subclass_that_overrides_run(
        self, method: str, rendezvous: Rendezvous, kind: type[children.Reporter]
    ) -> None:
        process = kind(method, rendezvous.address)
        process.start()
        assert rendezvous.receive() == ["run of", process.name]
        assert ended(process) == 0

    def test_closure(self, context: BaseContext) -> None:
        code = 5

        def target() -> None:
            sys.exit(code)

        assert ended(run(context, target)) == 5
        assert ended(run(context, lambda number: sys.exit(code + number), 1)) == 6

    @pytest.mark.parametrize("inner", processing_core.get_all_start_methods())
    @pytest.mark.parametrize("daemon", [False, True])
    def test_children_of_children(self, context: BaseContext, inner: str, daemon: bool, rendezvous: Rendezvous) -> None:
        process = run(context, children.start_child, rendezvous.address, inner, daemon, daemon=True, name="parent")
        told = rendezvous.receive()[0]
        assert ended(process) == 0
        assert (told["parent"], told["parent pid"], told["daemon"]) == ("parent", process.pid, daemon)
        assert told["name"].endswith(f"{process._identity[0]}:1")

    def test_is_a_member_while_it_lives(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = run(context, children.report_and_wait, rendezvous.address, name="a member")
        peer = rendezvous.accept()
        peer.receive()
        assert (process.pid, "a member") in [(pid, name) for _, _, pid, name in lowlevel.members()]
        peer.release()
        ended(process)
        assert process.pid not in [pid for _, _, pid, _ in lowlevel.members()]

    def test_leaves_nothing(self, context: BaseContext) -> None:
        assert ended(run(context, children.nothing)) == 0  # starts the forkserver
        before = lowlevel.stats()
        with leaks.leaves_nothing():
            for daemon in [False, True] * 5:
                assert ended(run(context, children.exit_with, 1, daemon=daemon)) == 1
                process = run(context, children.die_by, killing.SIGKILL, daemon=daemon)
                assert ended(process) == -killing.SIGKILL
                del process
        assert lowlevel.stats() == before
        lowlevel.verify()


class TestExitCode:
    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            (None, 0),
            (0, 0),
            (7, 7),
            (255, 255),
            (-1, ALL_BITS),
            (True, 1),
            ("text", 1),
            (1.5, 1),
            (1 << 70, ALL_BITS),
            (-(1 << 70), ALL_BITS),
        ],
    )
    def test_of_sys_exit(self, context: BaseContext, code: object, expected: int) -> None:
        assert ended(run(context, children.exit_with, code)) == expected

    def test_of_os_exit(self, context: BaseContext) -> None:
        assert ended(run(context, children.die_at_once, 9)) == 9

    @needs_signals_to_processes
    @pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGUSR2"])
    def test_of_signals(self, context: BaseContext, name: str) -> None:
        signum = signal.Signals[name]
        process = run(context, children.die_by, signum)
        assert ended(process) == -signum
        assert f" stopped exitcode=-{signum.name}>" in repr(process)

    def test_terminate_and_kill(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = run(context, children.spin, rendezvous.address)
        assert rendezvous.receive() == process.pid
        process.terminate()
        assert ended(process) == -signal.SIGTERM
        process.terminate()

    @needs_signals_to_processes
    def test_one_that_ignores_sigterm(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = run(context, children.sleep, rendezvous.address)
        peer = rendezvous.accept()
        assert [peer.receive(), peer.receive()] == [process.pid, "deaf"]
        process.terminate()
        process.kill()
        assert ended(process) == -killing.SIGKILL

    @needs_signals_to_processes
    def test_sigterm_handler_runs(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = run(context, children.handle_sigterm, rendezvous.address, 12)
        rendezvous.receive()
        process.terminate()
        assert ended(process) == 12

    @needs_signals_to_processes
    def test_ctrl_c_is_a_keyboard_interrupt(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = run(context, children.wait_for_interrupt, rendezvous.address)
        peer = rendezvous.accept()
        os.kill(peer.receive(), signal.SIGINT)
        assert peer.receive() == "KeyboardInterrupt"
        assert ended(process) == 1

    @needs_selectable_pipes
    def test_sentinel(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.report_and_wait, args=(rendezvous.address,))
        with pytest.raises(ValueError, match="process not started"):
            _ = process.sentinel
        process.start()
        peer = rendezvous.accept()
        assert select.select([process.sentinel], [], [], 0)[0] == []
        peer.release()
        assert select.select([process.sentinel], [], [], 30)[0] == [process.sentinel]
        assert process.exitcode == 0
        assert select.select([process.sentinel], [], [], 0)[0] == [process.sentinel]

    def test_join_waits_no_longer_than_its_timeout(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = run(context, children.report_and_wait, rendezvous.address)
        peer = rendezvous.accept()
        start, cpu = time.monotonic(), time.process_time()
        process.join(0.3)
        took, used = time.monotonic() - start, time.process_time() - cpu
        assert process.is_alive() and took >= 0.3 and used < 0.1
        peer.release()
        ended(process)


class TestMistakes:
    def test_state(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.report_and_wait, args=(rendezvous.address,))
        with pytest.raises(StateError, match="can only join a started process"):
            process.join()
        for function in [process.terminate, process.kill]:
            with pytest.raises(StateError, match="can only signal a started process"):
                function()
        process.start()
        with pytest.raises(StateError, match="cannot start a process twice"):
            process.start()
        with pytest.raises(StateError, match="process has already started"):
            process.daemon = True
        with pytest.raises(ValueError, match="Cannot close a process while it is still running"):
            process.close()
        rendezvous.accept().release()
        ended(process)

    def test_arguments(self, context: BaseContext) -> None:
        with pytest.raises(StateError, match="group must be None, not 1"):
            context.Process(1)  # type: ignore[arg-type]
        process = run(context, children.nothing)
        with pytest.raises(TypeError, match="timeout must be a number of seconds or None, not 'x'"):
            process.join("x")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="not nan"):
            process.join(float("nan"))
        with pytest.raises(StateError, match="name must be a string, not 1"):
            process.name = 1  # type: ignore[assignment]
        ended(process)

    def test_what_cannot_be_pickled_raises_in_the_caller(self, method: str, context: BaseContext) -> None:
        if method == "fork":
            pytest.skip("nothing is pickled")
        assert ended(run(context, children.nothing)) == 0
        before = lowlevel.stats()
        with leaks.leaves_nothing():
            process = context.Process(target=children.nothing, args=(threading.Lock(),))
            with pytest.raises(TypeError, match="lock"):
                process.start()
            assert process.exitcode is None and process not in processing_core.active_children()
        del process
        assert lowlevel.stats() == before

    def test_the_process_of_another(self, context: BaseContext) -> None:
        process = context.Process()
        process._parent_pid = 1
        with pytest.raises(StateError, match="can only start a process object created by current process"):
            process.start()
        with pytest.raises(StateError, match="can only join a child process"):
            process.join()
        with pytest.raises(StateError, match="can only test a child process"):
            process.is_alive()


class TestNames:
    def test_repr(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        kind, parent = context.Process.__name__, f"parent={os.getpid()}"  # as in multiprocessing
        process = context.Process(target=children.report_and_wait, args=(rendezvous.address,), daemon=True, name="n")
        assert repr(process) == f"<{kind} name='n' {parent} initial daemon>"
        process.start()
        assert repr(process) == f"<{kind} name='n' pid={process.pid} {parent} started daemon>"
        rendezvous.accept().release()
        process.join()
        assert repr(process) == f"<{kind} name='n' pid={process.pid} {parent} stopped exitcode=0 daemon>"
        process.close()
        assert repr(process) == f"<{kind} name='n' {parent} closed daemon>"

    def test_of_the_main_process(self) -> None:
        main = processing_core.current_process()
        assert repr(main) == "<_MainProcess name='MainProcess' parent=None started>"
        assert (main.pid, main.is_alive(), main.exitcode, main.daemon) == (os.getpid(), True, None, False)
        assert processing_core.parent_process() is None

    def test_counts(self) -> None:
        first, second = Process(), Process()
        number = int(first.name.removeprefix("Process-"))
        assert second.name == f"Process-{number + 1}"
        assert Process.__module__ == "processing_core"

    def test_aliases(self, context: BaseContext) -> None:
        process = run(context, children.nothing, daemon=True)
        assert (process.getName(), process.getPid(), process.isDaemon()) == (process.name, process.pid, True)
        assert process.getAuthKey() == process.authkey
        process.join()
        assert (process.isAlive(), process.getExitCode()) == (False, 0)
        process = context.Process()
        process.setName("new")
        process.setDaemon(True)
        process.setAuthKey("key")
        assert (process.name, process.daemon, process.authkey) == ("new", True, b"key")
        assert processing_core.currentProcess is processing_core.current_process

    def test_aliases_reach_a_subclass(self) -> None:
        class Immortal(Process):
            def is_alive(self) -> bool:
                return True

        assert Immortal().isAlive()


class TestEnd:
    """The end of a program that has children."""

    def test_children_are_joined_and_daemons_terminated(self, program: Program, rendezvous: Rendezvous) -> None:
        program.start("children.report_and_wait", "'worker',", daemon=False)
        program.start("children.report_and_wait", "'daemon',", daemon=True)
        peers = {}
        for _ in range(2):
            peer = rendezvous.accept()
            peers[peer.receive()[0]] = peer
        program.leave()
        with pytest.raises(EOFError):
            peers["daemon"].receive()
        assert program.process.poll() is None
        peers["worker"].release()
        assert program.process.wait(30) == 0

    def test_a_child_does_the_same(self, context: BaseContext, method: str, rendezvous: Rendezvous) -> None:
        process = run(context, children.leave_behind, rendezvous.address, method, False)
        peer = rendezvous.accept()
        assert peer.receive() == ["here"]
        assert process.is_alive()
        peer.release()
        assert ended(process) == 0

    @pytest.mark.filterwarnings(FORKED_WITH_THREADS)
    def test_threads_of_a_child_are_joined(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = run(context, children.end_a_thread_late, rendezvous.address)
        peer = rendezvous.accept()
        assert peer.receive() == ["thread"]
        assert process.is_alive()
        peer.release()
        assert ended(process) == 0

    def test_exit_functions_of_a_child_run(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = run(context, children.register_exit_function, rendezvous.address)
        assert rendezvous.receive() == ["at exit"]
        assert ended(process) == 0

    def test_output_is_flushed_once(self, program: Program) -> None:
        program.execute("sys.stdout.write('of the parent;')")
        program.start("children.write", "", instead="'of the child;'")
        program.leave()
        output, _ = program.process.communicate(timeout=30)
        assert sorted(output.split(";")) == ["", "of the child", "of the parent"]

    @pytest.mark.parametrize("victim", ["spin", "sleep", "block"])
    def test_daemons_follow_a_killed_parent(self, program: Program, rendezvous: Rendezvous, victim: str) -> None:
        program.start(f"children.{victim}", "", daemon=True)
        program.start("children.start_daemon_and_spin", f"'{program.method}',", daemon=True)
        deaths = [lowlevel.open_pidfd(rendezvous.receive()) for _ in range(3)]
        if server := program.ask("server()"):
            deaths.append(lowlevel.open_pidfd(int(server)))
        program.process.kill()
        killed = time.monotonic()
        for death in deaths:
            assert lowlevel.readable(death.fileno(), 30)
        assert time.monotonic() - killed < 2  # the time of promise 7

    def test_workers_survive_a_killed_parent(self, program: Program, rendezvous: Rendezvous) -> None:
        program.start("children.report_and_wait", "", daemon=False)
        peer = rendezvous.accept()
        assert peer.receive() == []
        program.process.kill()
        program.process.wait()
        peer.release()
        with pytest.raises(EOFError):  # the process ended when it was released, and not before
            peer.receive()


class TestMessages:
    """What a child prints when it ends with an error."""

    def errors(self, program: Program, target: str, first: str) -> str:
        program.execute(f"context.Process(target={target}, args=({first},), name='the name').start()")
        program.leave()
        _, errors = program.process.communicate(timeout=30)
        assert program.process.returncode == 0
        return errors

    def test_exception(self, program: Program) -> None:
        errors = self.errors(program, "children.fail", "'the reason'")
        assert errors.startswith("Process the name:\nTraceback (most recent call last):\n")
        assert errors.endswith("ValueError: the reason\n")
        first, *_ = [line for line in errors.splitlines() if line.startswith("  File")]
        assert first.endswith(", in fail") and "functions.py" in first  # no frame of this package precedes it

    def test_interrupt(self, program: Program) -> None:
        program.execute("import signal")
        assert self.errors(program, "signal.raise_signal", "signal.SIGINT") == ""

    def test_text_of_sys_exit(self, program: Program) -> None:
        assert self.errors(program, "children.exit_with", "'the text'") == "the text\n"

    def test_something_that_does_not_unpickle(self, method: str, program: Program) -> None:
        if method == "fork":
            pytest.skip("nothing is pickled")
        errors = self.errors(program, "children.nothing", "children.Unloadable()")
        assert errors.startswith("Process the name:\nTraceback (most recent call last):\n")
        assert errors.endswith("ValueError: does not load\n")


@needs_forks
class TestFork:
    def test_a_process_of_os_fork_is_a_member_without_our_children(self, rendezvous: Rendezvous) -> None:
        context = processing_core.get_context("spawn")
        process = run(context, children.report_and_wait, rendezvous.address)
        peer = rendezvous.accept()
        mine = lowlevel.member()
        pid = os.fork()
        if pid == 0:
            theirs = lowlevel.member()
            fine = theirs is not None and theirs != mine and processing_core.active_children() == []
            os._exit(0 if fine else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert process in processing_core.active_children()
        peer.release()
        ended(process)


@needs_numbered_descriptors
class TestDescriptors:
    def test_none_is_inheritable(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        before = set(os.listdir("/proc/self/fd"))
        process = run(context, children.report_and_wait, rendezvous.address, daemon=True)
        for fd in set(os.listdir("/proc/self/fd")) - before:
            if os.path.exists(f"/proc/self/fd/{fd}"):
                assert not os.get_inheritable(int(fd)), os.readlink(f"/proc/self/fd/{fd}")
        rendezvous.accept().release()
        assert ended(process) == 0

    def test_a_child_has_no_more_than_it_needs(self, context: BaseContext, method: str, rendezvous: Rendezvous) -> None:
        if method == "fork":
            pytest.skip("it has all of the parent's")
        others = [run(context, children.report_and_wait, rendezvous.address, daemon=True) for _ in range(5)]
        process = run(context, children.list_descriptors, rendezvous.address)
        told = [rendezvous.receive() for _ in range(6)]
        # The standard three, the arena, and the socket to the test.
        descriptors = next(answer for answer in told if answer)[0]
        assert [name for name in descriptors if not name.startswith("/")] == ["socket"], descriptors
        rendezvous.close()
        for child in [*others, process]:
            child.kill()
            ended(child)
