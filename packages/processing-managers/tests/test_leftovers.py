"""Who unlinks named memory, and when; each program here is the root of a family of its own."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from processing_core import lowlevel
from processing_managers import _leftovers
from processing_managers._named import _keeper
from processing_managers.shared_memory import ShareableList, SharedMemory

SHM = Path("/dev/shm")

HEAD = """
    import os, sys, signal
    import processing_core, processing_managers
    from processing_core import lowlevel
    from processing_managers.shared_memory import SharedMemory, ShareableList
    lowlevel.ensure_family()
    def say(*words):
        print(*words, flush=True)
    def pause():
        sys.stdin.readline()
    say(os.getpid(), f"{lowlevel.family():016x}")
"""


class Program:
    """A running program, the root of a family."""

    def __init__(self, source: str) -> None:
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(HEAD) + textwrap.dedent(source)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid, self.family = self.hear()

    def hear(self) -> list[str]:
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
        """Let it end."""
        self.go_on()
        assert self.process.wait() == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def entries(self) -> list[str]:
        """What of its family's is there, notes too."""
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
    say(kept[0].name, name, kept[2].shm.name)
    pause()
"""


class TestKilled:
    def test_the_only_user(self) -> None:
        with program(MAKE) as root:
            names = root.hear()
            assert all(exists(name) for name in names) and len(root.entries) == 4  # with a note of the chosen one
            root.kill()
            await_end(lambda: root.entries or any(exists(name) for name in names))

    def test_nothing_runs_once_it_is_gone(self) -> None:
        with program(MAKE) as root:
            root.hear()
            prefix = f"prc_{root.family}_"
            assert _keeper.bound(prefix) is None
            root.kill()
            await_end(lambda: not is_free(prefix))

    def test_while_a_survivor_uses_it(self) -> None:
        source = """
            def use(name, untracked):
                memory, other = SharedMemory(name), SharedMemory(untracked, track=False)
                say(os.getpid())
                signal.pause()
            a, b = SharedMemory(create=True, size=8), SharedMemory(create=True, size=8)
            child = processing_core.get_context("fork").Process(target=use, args=(a.name, b.name))
            say(a.name, b.name)
            a.close(), b.close()
            child.start()
            child.join()
        """
        with program(source) as root:
            used, unused = root.hear()
            (child,) = root.hear()
            root.kill()
            await_end(lambda: exists(unused))
            assert exists(used)
            SharedMemory(used).close()
            assert exists(used)
            os.kill(int(child), signal.SIGKILL)
            await_end(lambda: root.entries)

    def test_while_another_family_uses_it(self) -> None:
        with program(MAKE) as root:
            mine = SharedMemory(root.hear()[1])
            root.kill()
            await_end(lambda: len(root.entries) > 1)  # the note
            assert exists(mine.name)
            mine.buf[0] = 5
            mine.close()
            await_end(lambda: root.entries or exists(mine.name))

    def test_an_orphan_makes_more(self) -> None:
        source = """
            def live():
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
                say(os.getpid())
                signal.sigwait([signal.SIGUSR1])
                kept = SharedMemory(create=True, size=8)
                say(kept.name)
                signal.pause()
            child = processing_core.get_context("fork").Process(target=live)
            child.start()
            child.join()
        """
        with program(source) as root:
            (child,) = root.hear()
            root.kill()
            os.kill(int(child), signal.SIGUSR1)
            (name,) = root.hear()
            assert exists(name)
            os.kill(int(child), signal.SIGKILL)
            await_end(lambda: root.entries)

    def test_a_keeper_that_was_killed_gets_a_successor(self) -> None:
        always_look = """
            from processing_managers import _leftovers
            _leftovers._KNOWN = 0
        """
        with program(textwrap.dedent(always_look) + textwrap.dedent(MAKE + MAKE)) as root:
            root.hear()
            prefix = f"prc_{root.family}_"
            os.kill(keeper_of(prefix), signal.SIGKILL)
            await_end(lambda: not is_free(prefix))
            for name in [entry for entry in root.entries if (SHM / entry).is_symlink()]:
                (SHM / os.readlink(SHM / name)).unlink()
            root.go_on()
            root.hear()
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
                    say("ready")
        """
        for turn in range(rounds(4, 100)):
            with program(source) as root:
                root.hear()
                time.sleep(turn % 17 / 4000)  # somewhere within: what comes after holds wherever it is
                root.kill()
                await_end(lambda: root.entries)
                assert not [name for name in os.listdir(SHM) if name.startswith(f"test-{root.pid}-")]


class TestEnded:
    def test_another_family_uses_it(self) -> None:
        with program(MAKE) as root:
            mine = SharedMemory(root.hear()[0])
            root.end()
            assert root.entries == [mine.name]
            SharedMemory(mine.name).close()
            mine.close()
            await_end(lambda: root.entries)

    def test_at_once_where_nobody_does(self) -> None:
        with program(MAKE) as root:
            names = root.hear()
            root.end()
            assert not root.entries and not any(exists(name) for name in names)

    def test_what_views_use_goes_with_the_process(self) -> None:
        with program("view = SharedMemory(create=True, size=8).buf[2:]; say('made'); pause()") as root:
            root.hear()
            assert len(root.entries) == 1
            root.end()
            await_end(lambda: root.entries)

    def test_a_copy_of_the_object_in_a_bare_fork(self) -> None:
        """Its end is not the end of the parent's use."""
        with program("""
            kept = SharedMemory(create=True, size=8)
            say(kept.name)
            pause()
            if os.fork() == 0:
                sys.exit()
            os.wait()
            say("forked")
            pause()
        """) as root:
            (name,) = root.hear()
            root.go_on()
            root.hear()
            assert exists(name)
            assert _keeper.unlink_unused(name) is False
            root.end()
            await_end(lambda: root.entries)


@pytest.fixture(autouse=True)
def _family() -> None:
    lowlevel.ensure_family()  # whose arena takes a descriptor


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
        before = set(os.listdir(SHM))
        with pytest.raises(FileExistsError):
            SharedMemory(first.name, create=True, size=8)
        assert set(os.listdir(SHM)) == before
        first.unlink()
        first.close()

    def test_nothing_is_kept_of_the_dropped(self) -> None:
        SharedMemory(create=True, size=8).unlink()
        assert len(_leftovers.users) == 0

    def test_a_list_that_is_killed_with_its_maker_is_whole(self) -> None:
        with program(MAKE) as root:
            items: ShareableList[object] = ShareableList(name=root.hear()[2])
            root.kill()
            assert list(items) == [1, "a"]
            items.shm.close()
            await_end(lambda: root.entries)


def is_free(prefix: str) -> bool:
    """Whether a family has no keeper."""
    sign = _keeper.bound(prefix)
    if sign is not None:
        sign.close()
    return sign is not None


def keeper_of(prefix: str) -> int:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # processes of others come and go
            if prefix.encode() in (folder / "cmdline").read_bytes():
                return int(folder.name)
    raise AssertionError("there is none")
