"""The process that cleans up what a program has registered."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from processing_core import resource_tracker
from processing_core.resource_tracker import ResourceTracker
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_numbered_descriptors

pytestmark = needs_numbered_descriptors

FOLDER = Path("/dev/shm")


@pytest.fixture
def tracker() -> Iterator[ResourceTracker]:
    """A tracker of the test's own."""
    made = ResourceTracker()
    yield made
    made._stop()


@pytest.fixture
def name() -> Iterator[str]:
    """The name of shared memory that exists."""
    made = FOLDER / f"test-tracker-{os.getpid()}"
    made.touch()
    yield made.name
    made.unlink(missing_ok=True)


def ended(program: str, *arguments: str) -> tuple[int, str]:
    """The exit status of a program, and what it and its tracker wrote to the standard error stream."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=50, check=False)
    return result.returncode, result.stderr


class TestEnd:
    def test_what_is_registered_is_cleaned_up(self, name: str) -> None:
        program = """
            import sys
            from processing_core import resource_tracker
            resource_tracker.register("/" + sys.argv[1], "shared_memory")
        """
        status, told = ended(program, name)
        assert (status, (FOLDER / name).exists()) == (0, False)
        assert "resource_tracker: There appear to be 1 leaked shared_memory objects to clean up at shutdown" in told

    def test_of_a_killed_program(self, name: str) -> None:
        program = """
            import os, sys
            from processing_core import resource_tracker
            resource_tracker.register(sys.argv[1], "shared_memory")
            os.kill(os.getpid(), 9)
        """
        status, _ = ended(program, name)
        assert (status, (FOLDER / name).exists()) == (-signal.SIGKILL, False)

    def test_what_is_unregistered_stays(self, name: str) -> None:
        program = """
            import sys
            from processing_core import resource_tracker
            for action in (resource_tracker.register, resource_tracker.unregister, resource_tracker.unregister):
                action(sys.argv[1], "shared_memory")
        """
        assert ended(program, name) == (0, "")
        assert (FOLDER / name).exists()

    def test_what_cannot_be_cleaned_up_is_reported(self) -> None:
        program = """
            from processing_core import resource_tracker
            resource_tracker.register("/gone", "semaphore")
            resource_tracker.tracker._stop()
            assert resource_tracker.tracker._exitcode == 2
        """
        status, told = ended(program)
        assert status == 0
        assert "resource_tracker: '/gone': [Errno 2]" in told

    @pytest.mark.parametrize(("registered", "status"), [(True, 1), (False, 0)])
    def test_its_exit_status(self, tracker: ResourceTracker, registered: bool, status: int) -> None:
        tracker.register("harmless", "dummy")
        if not registered:
            tracker.unregister("harmless", "dummy")
        tracker._stop()
        assert tracker._exitcode == status


class TestChildren:
    PROGRAM = """
        import os, sys
        import processing_core
        from processing_core import resource_tracker

        def register(name, pid):
            tracker = resource_tracker.tracker
            assert tracker._pid in (None, pid)
            resource_tracker.register(name, "shared_memory")
            assert tracker._pid in (None, pid)

        if __name__ == "__main__":
            resource_tracker.ensure_running()
            context = processing_core.get_context(sys.argv[1])
            child = context.Process(target=register, args=(sys.argv[2], resource_tracker.tracker._pid))
            child.start()
            child.join()
            assert child.exitcode == 0
            assert os.path.exists("/dev/shm/" + sys.argv[2])
    """

    def test_share_it(self, method: str, name: str) -> None:
        status, told = ended(self.PROGRAM, method, name)
        assert status == 0, told
        assert "1 leaked shared_memory" in told
        assert not (FOLDER / name).exists()


class TestDeath:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_no_signal_to_the_group_ends_it(self, tracker: ResourceTracker, number: int) -> None:
        tracker.ensure_running()
        pid = tracker._pid
        assert pid is not None
        os.kill(pid, number)
        tracker.register("harmless", "dummy")
        tracker._stop()
        assert tracker._exitcode == 1  # the tracker has read the message

    def test_another_one_is_started(self, tracker: ResourceTracker) -> None:
        tracker.ensure_running()
        pid = tracker._pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with pytest.warns(UserWarning, match="process died unexpectedly"):
            tracker.register("harmless", "dummy")
        assert tracker._pid not in (None, pid)


class TestNames:
    def test_nothing_is_started_to_forget_one(self) -> None:
        program = """
            from processing_core import resource_tracker
            resource_tracker.unregister("/name", "shared_memory")
            assert resource_tracker.tracker._fd is None
        """
        scripts.run(program)

    def test_unknown_types_are_refused(self, tracker: ResourceTracker) -> None:
        with pytest.raises(ValueError, match="type 'folder' of '/name': it must be one of noop, dummy, semaphore"):
            tracker.register("/name", "folder")

    def test_may_have_line_breaks_and_backslashes(self, tracker: ResourceTracker, name: str) -> None:
        names = ["\nbegins", "ends\n", "in\nside", "back\\slash", "back\\nslash", "all\\\n\\n\\\\n"]
        for one in names:
            tracker.register(one, "dummy")
        for one in names:
            tracker.unregister(one, "dummy")
        tracker._stop()
        assert tracker._exitcode == 0  # no name was left
        for ending in ("\n", "\\n"):
            path = (FOLDER / name).rename(FOLDER / (name + ending))
            tracker.register("/" + path.name, "shared_memory")
            tracker._stop()
            assert tracker._exitcode == 1 and not path.exists()
            (FOLDER / name).touch()

    def test_too_long_ones_are_refused(self, tracker: ResourceTracker) -> None:
        for function in (tracker.register, tracker.unregister):
            with pytest.raises(ValueError, match="it takes 5[0-9][0-9] bytes, of 512"):
                function("a" * 500, "shared_memory")

    def test_may_have_colons_and_any_letters(self, tracker: ResourceTracker) -> None:
        tracker.register("a:b:ü", "dummy")
        tracker.unregister("a:b:ü", "dummy")
        tracker._stop()
        assert tracker._exitcode == 0


def test_a_descriptor_that_the_program_closed_is_left_alone(tracker: ResourceTracker) -> None:
    tracker.ensure_running()
    fd = tracker.getfd()
    assert fd is not None
    os.close(fd)
    with open(os.devnull, "rb") as taken:
        assert os.dup2(taken.fileno(), fd) == fd
        with pytest.warns(UserWarning, match="process died unexpectedly"):
            tracker.ensure_running()
        os.fstat(fd)
        os.close(fd)


def test_the_functions_are_those_of_one_tracker() -> None:
    assert resource_tracker.register == resource_tracker.tracker.register


def test_a_child_of_a_bare_fork_does_not_keep_it_alive() -> None:
    scripts.run(
        """
        import os, signal
        from processing_core.resource_tracker import tracker

        tracker.ensure_running()
        reader, writer = os.pipe()
        if (pid := os.fork()) == 0:
            os.write(writer, bytes([tracker._fd is None]))
            signal.pause()
        assert os.read(reader, 1) == b"\\1"
        tracker._stop(wait_timeout=20)
        assert (tracker._exitcode, tracker._waitpid_timed_out) == (0, False)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        """
    )


def test_a_child_of_ours_keeps_it_alive() -> None:
    scripts.run(
        """
        import time
        import processing_core
        from processing_core.resource_tracker import tracker

        tracker.ensure_running()
        child = processing_core.get_context("fork").Process(target=time.sleep, args=(60,))
        child.start()
        tracker._stop(wait_timeout=0.2)
        assert (tracker._exitcode, tracker._waitpid_timed_out) == (None, True)
        child.kill()
        child.join()
        """
    )
