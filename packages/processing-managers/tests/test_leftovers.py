"""Which process unlinks named memory, and when; each program here is the root of a family of its own."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

if os.name != "posix":
    pytest.skip("on this system named memory is no file, and goes with its last user", allow_module_level=True)

from processing_core import lowlevel
from processing_managers._platform import _reaper
from processing_managers._shared import leftovers as _leftovers
from processing_managers.shared_memory import ShareableList, SharedMemory
from processing_testing.harness.mechanisms import needs_root

SHM = Path("/dev/shm")

HEAD = """
    import os, sys, signal
    import processing_core, processing_managers
    from processing_core import lowlevel
    from processing_managers.shared_memory import SharedMemory, ShareableList
    lowlevel.ensure_family()
    def show(*words):
        print(*words, flush=True)
    def pause():
        sys.stdin.readline()
    show(os.getpid(), f"{lowlevel.family():016x}")
"""


class Program:
    """A running program, the root of a family."""

    def __init__(self, source: str) -> None:
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(HEAD) + textwrap.dedent(source)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid, self.family = self.receive()

    def receive(self) -> list[str]:
        """The words of its next line."""
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        assert words, "it has ended"
        return words

    def go_on(self) -> None:
        """End a `pause`."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Let the program end, and wait for it."""
        self.go_on()
        assert self.process.wait() == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def entries(self) -> list[str]:
        """The entries of its family that exist, including notes."""
        return [name for name in os.listdir(SHM) if name.startswith(f"prc_{self.family}_")]


@contextmanager
def program(source: str) -> Iterator[Program]:
    running = Program(source)
    try:
        yield running
    finally:
        running.kill()
        for pipe in (running.process.stdin, running.process.stdout):
            assert pipe is not None
            pipe.close()


def await_end(of: Callable[[], object]) -> None:
    """Wait until nothing is left; the test's watchdog ends it."""
    while of():
        time.sleep(0.005)  # the system offers no event


def exists(name: str) -> bool:
    return (SHM / name).exists()


MAKE = """
    name = f"test-{os.getpid()}-chosen"
    kept = SharedMemory(create=True, size=8), SharedMemory(name, create=True, size=8), ShareableList([1, "a"])
    SharedMemory(create=True, size=8).close()
    show(kept[0].name, name, kept[2].shm.name)
    pause()
"""


class TestKilled:
    def test_the_only_user(self) -> None:
        with program(MAKE) as root:
            names = root.receive()
            assert (
                all(exists(name) for name in names) and len(root.entries) == 4
            )  # the memory with a chosen name has a note
            root.kill()
            await_end(lambda: root.entries or any(exists(name) for name in names))

    def test_no_process_is_left(self) -> None:
        with program(MAKE) as root:
            root.receive()
            prefix = f"prc_{root.family}_"
            assert _reaper.bound(prefix) is None
            root.kill()
            await_end(lambda: not is_free(prefix))

    def test_while_a_survivor_uses_it(self) -> None:
        source = """
            def use(name, untracked):
                memory, other = SharedMemory(name), SharedMemory(untracked, track=False)
                show(os.getpid())
                signal.pause()
            a, b = SharedMemory(create=True, size=8), SharedMemory(create=True, size=8)
            child = processing_core.get_context("fork").Process(target=use, args=(a.name, b.name))
            show(a.name, b.name)
            a.close(), b.close()
            child.start()
            child.join()
        """
        with program(source) as root:
            used, unused = root.receive()
            (child,) = root.receive()
            root.kill()
            await_end(lambda: exists(unused))
            assert exists(used)
            SharedMemory(used).close()
            assert exists(used)
            os.kill(int(child), signal.SIGKILL)
            await_end(lambda: root.entries)

    def test_while_another_family_uses_it(self) -> None:
        with program(MAKE) as root:
            mine = SharedMemory(root.receive()[1])
            root.kill()
            await_end(lambda: len(root.entries) > 1)  # the note remains
            assert exists(mine.name)
            mine.buf[0] = 5
            mine.close()
            await_end(lambda: root.entries or exists(mine.name))

    def test_an_orphan_makes_more(self) -> None:
        source = """
            def live():
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
                show(os.getpid())
                signal.sigwait([signal.SIGUSR1])
                kept = SharedMemory(create=True, size=8)
                show(kept.name)
                signal.pause()
            child = processing_core.get_context("fork").Process(target=live)
            child.start()
            child.join()
        """
        with program(source) as root:
            (child,) = root.receive()
            root.kill()
            os.kill(int(child), signal.SIGUSR1)
            (name,) = root.receive()
            assert exists(name)
            os.kill(int(child), signal.SIGKILL)
            await_end(lambda: root.entries)

    def test_a_reaper_that_was_killed_gets_a_successor(self) -> None:
        check_always = """
            from processing_managers._shared import leftovers as _leftovers
            _leftovers._KNOWN = 0
        """
        with program(textwrap.dedent(check_always) + textwrap.dedent(MAKE + MAKE)) as root:
            root.receive()
            prefix = f"prc_{root.family}_"
            os.kill(reaper_of(prefix), signal.SIGKILL)
            await_end(lambda: not is_free(prefix))
            for name in [entry for entry in root.entries if (SHM / entry).is_symlink()]:
                (SHM / os.readlink(SHM / name)).unlink()
            root.go_on()
            root.receive()
            root.kill()
            await_end(lambda: root.entries)

    @pytest.mark.attack
    def test_at_any_time(self, rounds: Callable[[int, int], int]) -> None:
        source = """
            from itertools import count
            for turn in count():
                name = f"test-{os.getpid()}-{turn}" if turn % 2 else None
                memory = SharedMemory(name, create=True, size=100)
                other = SharedMemory(memory.name)
                if turn % 3:
                    memory.unlink()
                if turn == 5:
                    show("ready")
        """
        for turn in range(rounds(4, 100)):
            with program(source) as root:
                root.receive()
                time.sleep(turn % 17 / 4000)  # a random moment; what is checked afterwards must hold at any
                root.kill()
                await_end(lambda: root.entries)
                assert not [name for name in os.listdir(SHM) if name.startswith(f"test-{root.pid}-")]


class TestEnded:
    def test_another_family_uses_it(self) -> None:
        with program(MAKE) as root:
            mine = SharedMemory(root.receive()[0])
            root.end()
            assert root.entries == [mine.name]
            SharedMemory(mine.name).close()
            mine.close()
            await_end(lambda: root.entries)

    def test_at_once_where_no_process_uses_it(self) -> None:
        with program(MAKE) as root:
            names = root.receive()
            root.end()
            assert not root.entries and not any(exists(name) for name in names)

    def test_what_views_use_goes_with_the_process(self) -> None:
        with program("view = SharedMemory(create=True, size=8).buf[2:]; show('made'); pause()") as root:
            root.receive()
            assert len(root.entries) == 1
            root.end()
            await_end(lambda: root.entries)

    def test_a_copy_of_the_object_in_a_bare_fork(self) -> None:
        """The end of the forked process does not end the parent's use."""
        with program("""
            kept = SharedMemory(create=True, size=8)
            show(kept.name)
            pause()
            if os.fork() == 0:
                sys.exit()
            os.wait()
            show("forked")
            pause()
        """) as root:
            (name,) = root.receive()
            root.go_on()
            root.receive()
            assert exists(name)
            assert _reaper.unlink_unused(name) is False
            root.end()
            await_end(lambda: root.entries)


UNLINKED_LAST = """
    import atexit
    import builtins
    from processing_managers.shared_memory import SharedMemory

    class Holder:
        def __init__(self):
            self.memory = SharedMemory(create=True, size=10)

        def __del__(self):
            self.memory.close()
            self.memory.unlink()
            print("unlinked", flush=True)

    if __name__ == "__main__":
        atexit.register(lambda: memory.unlink())
        memory, builtins.holder = SharedMemory(create=True, size=10), Holder()
"""


def test_a_program_may_unlink_its_memory_when_its_end_has() -> None:
    command = [sys.executable, "-c", textwrap.dedent(UNLINKED_LAST)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "unlinked\n", "")


@pytest.fixture(autouse=True)
def _family() -> None:
    lowlevel.ensure_family()  # its arena takes a descriptor


class TestHere:
    def test_a_view_outlives_its_object(self, nothing_left: None) -> None:
        memory = SharedMemory(create=True, size=8)
        name, view = memory.name, memory.buf[2:4]
        del memory
        view[0] = 7
        other = SharedMemory(name)
        assert other.buf[2] == 7
        other.unlink()
        other.close()
        view.release()

    def test_more_than_there_is(self, nothing_left: None) -> None:
        with pytest.raises(OSError, match="No space") as raised:
            SharedMemory(create=True, size=1 << 45)
        assert raised.value.errno == errno.ENOSPC

    def test_a_name_that_is_taken_leaves_no_note(self, nothing_left: None) -> None:
        first = SharedMemory(f"test-{os.getpid()}-taken", create=True, size=8)
        before = of_this_family()
        with pytest.raises(FileExistsError):
            SharedMemory(first.name, create=True, size=8)
        assert of_this_family() == before
        first.unlink()
        first.close()

    def test_nothing_is_kept_of_the_dropped(self) -> None:
        SharedMemory(create=True, size=8).unlink()
        assert len(_leftovers.users) == 0

    def test_a_list_that_is_killed_with_its_maker_is_whole(self) -> None:
        with program(MAKE) as root:
            items: ShareableList[object] = ShareableList(name=root.receive()[2])
            root.kill()
            assert list(items) == [1, "a"]
            items.shm.close()
            await_end(lambda: root.entries)


class TestOtherPrograms:
    """Every user of the machine can write into the folder."""

    PREFIX = "prc_00000000000000aa_"

    def clear_with_note(self, target: Path, owner: int) -> None:
        note = SHM / f"{self.PREFIX}n{target.stat().st_ino}"
        note.symlink_to(os.path.relpath(target, SHM))
        os.lchown(note, owner, -1)
        _reaper.clear(self.PREFIX)
        assert not note.is_symlink()

    @pytest.mark.parametrize("where", ["outside", "folder within"])
    def test_a_note_leads_nowhere_else(self, tmp_path: Path, where: str) -> None:
        folder = tmp_path if where == "outside" else SHM / f"test-{os.getpid()}"
        folder.mkdir(exist_ok=True)
        file = folder / "file"
        file.write_text("precious")
        try:
            self.clear_with_note(file, os.geteuid())
            assert file.read_text() == "precious"
        finally:
            file.unlink()
            folder.rmdir()

    @needs_root
    @pytest.mark.parametrize("owner", [0, 65534])
    def test_a_note_counts_for_what_its_writer_owns(self, owner: int) -> None:
        memory = SharedMemory(f"test-{os.getpid()}-other", create=True, size=8, track=False)
        self.clear_with_note(SHM / memory.name, owner)
        assert (SHM / memory.name).exists() == (owner != 0)
        memory.close()
        if owner:
            memory.unlink()


def of_this_family() -> set[str]:
    """The names of this family's segments and notes: other programs have segments there too."""
    return {name for name in os.listdir(SHM) if name.startswith(_leftovers._family_prefix())}


def is_free(prefix: str) -> bool:
    """Whether a family has no reaper."""
    sign = _reaper.bound(prefix)
    if sign is not None:
        sign.close()
    return sign is not None


OCCUPIER = """
import os, socket, sys
os.setgid(65534)
os.setuid(65534)
held = [socket.socket(socket.AF_UNIX) for _ in sys.argv[1:]]  # streams have a namespace of their own, as the reaper
for sign, address in zip(held, sys.argv[1:]):
    sign.bind(chr(0) + address)
    sign.listen(1024)
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def occupied(*addresses: str) -> Iterator[None]:
    """During the body a process of another user has bound these abstract addresses."""
    command = [sys.executable, "-c", OCCUPIER, *(address[1:] for address in addresses)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as occupier:
        assert occupier.stdout is not None
        assert occupier.stdin is not None
        assert occupier.stdout.readline() == "ready\n"
        yield
        occupier.stdin.close()


LONG = struct.pack("ll", 30, 0)
"""Seconds in which a reaper answers; the machine may be busy."""


@needs_root
class TestAnotherUser:
    @pytest.mark.parametrize("taken", [1, 3])
    def test_has_taken_the_reapers_address(self, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_reaper, "ANSWER", LONG)
        with program("pause()\n" + textwrap.dedent(MAKE)) as root:
            prefix = f"prc_{root.family}_"
            with occupied(*(_reaper.address(prefix, place) for place in range(taken))):
                root.go_on()
                names = root.receive()
                for _ in range(4 * _reaper.BACKLOG):
                    assert not is_free(prefix)  # it has one, and the check does not use up its backlog
                root.kill()
                await_end(lambda: root.entries or any(exists(name) for name in names))

    def test_a_reaper_that_is_slow_to_answer_is_not_taken_for_another_users(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_reaper, "ANSWER", LONG)
        with program(textwrap.dedent(MAKE)) as root, ExitStack() as asking:
            root.receive()
            prefix = f"prc_{root.family}_"
            reaper = reaper_of(prefix)
            os.kill(reaper, signal.SIGSTOP)
            with suppress(BlockingIOError):  # its backlog is full then
                while True:
                    client = asking.enter_context(socket.socket(socket.AF_UNIX))
                    client.setblocking(False)
                    client.connect(_reaper.address(prefix))
            later = threading.Timer(0.1, os.kill, (reaper, signal.SIGCONT))
            later.start()
            assert not is_free(prefix)
            later.join()

    def test_has_taken_the_names_of_notes(self) -> None:
        """Another user can predict them: the family's prefix, and the number of the next file."""
        processors = os.sched_getaffinity(0)
        made: list[Path] = []
        try:
            os.sched_setaffinity(0, {min(processors)})  # each processor has numbers of its own
            before = SharedMemory(create=True, size=1)
            before.close()
            before.unlink()
            # Each link takes a number, too, so the next file gets one of the second half.
            for number in range(before._identity + 100, before._identity + 300):
                made.append(SHM / f"{_leftovers._family_prefix()}n{number}")
                made[-1].symlink_to("nowhere")
                os.chown(made[-1], 65534, 65534, follow_symlinks=False)
            memory = SharedMemory("chosen-by-a-test", create=True, size=1)
            memory.close()
            memory.unlink()
            assert before._identity + 100 <= memory._identity < before._identity + 300
        finally:
            os.sched_setaffinity(0, processors)
            for path in made:
                path.unlink(missing_ok=True)
            _reaper.clear(_leftovers._family_prefix())


def reaper_of(prefix: str) -> int:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # other processes may end meanwhile
            if prefix.encode() in (folder / "cmdline").read_bytes():
                return int(folder.name)
    raise AssertionError("there is none")
