"""A child has the credentials, the limits and the processors that its parent has at that moment, under every method."""

from __future__ import annotations

import errno
import os
import signal
import textwrap
import time
from pathlib import Path

import pytest

import processing_core
from processing_core._start import _child
from processing_testing.harness import scripts

if not hasattr(os, "setuid"):
    pytest.skip("this system's users have no numbers", allow_module_level=True)

METHODS = processing_core.get_all_start_methods()

PROGRAM = """
    import os, resource, sys
    import processing_core

    def show(path):
        credentials = os.getresuid(), os.getresgid(), sorted(os.getgroups())
        limits = [resource.getrlimit(which) for which in range(16)]
        with open(path, "w") as file:
            print(credentials, limits, os.nice(0), sorted(os.sched_getaffinity(0)), os.stat("/").st_ino, file=file)

    def check(context):
        ours, theirs = (f"{sys.argv[2]}/{name}" for name in ("ours", "theirs"))
        show(ours)
        process = context.Process(target=show, args=(theirs,))
        process.start()
        process.join()
        assert process.exitcode == 0, process.exitcode
        ours, theirs = open(ours).read(), open(theirs).read()
        assert ours == theirs, (ours, theirs)

    context = processing_core.get_context(sys.argv[1])
    check(context)
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change them")


@pytest.mark.parametrize("method", METHODS)
class TestOfAChild:
    def test_limits_lowered_after_the_first_start(self, method: str, tmp_path: Path) -> None:
        changes = """
            os.nice(3)
            check(context)
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            check(context)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
            check(context)
            resource.setrlimit(resource.RLIMIT_NOFILE, (150, 180))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            check(context)
        """
        scripts.run(_program(changes), method, str(tmp_path))

    @needs_root
    def test_limits_raised_after_the_first_start(self, method: str, tmp_path: Path) -> None:
        changes = """
            os.nice(-2)
            check(context)
            resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 30))
            check(context)
        """
        scripts.run(_program(changes), method, str(tmp_path))

    @needs_root
    def test_groups_dropped_after_the_first_start(self, method: str, tmp_path: Path) -> None:
        changes = """
            os.setgroups([1, 2])
            check(context)
            os.setresgid(65534, 65534, 65534)
            check(context)
        """
        scripts.run(_program(changes), method, str(tmp_path))


@needs_root
@pytest.mark.skipif(not hasattr(os, "unshare"), reason="Python 3.12 has it")
@pytest.mark.parametrize("method", METHODS)
def test_a_process_that_has_left_its_namespaces(method: str) -> None:
    """Its children must not be in namespaces that it has left."""
    scripts.run(
        """
        import os, sys
        import processing_core

        def compare(seen):
            sys.exit(seen != look())

        def look():
            return [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "net")]

        def check():
            process = processing_core.get_context(sys.argv[1]).Process(target=compare, args=(look(),))
            process.start()
            process.join()
            assert process.exitcode == 0, process.exitcode

        check()
        try:
            os.unshare(os.CLONE_NEWNET)
            check()
            os.unshare(os.CLONE_NEWNS)
            check()
        except PermissionError:
            pass  # in a container, say
        """,
        method,
    )


@needs_root
@pytest.mark.parametrize("method", METHODS)
def test_a_daemonic_child_ends_though_its_user_is_another(method: str) -> None:
    """The parent has dropped its privileges since, so the system does not let it send the child a signal."""
    for way in ("terminate", "kill"):
        scripts.run(
            """
            import os, signal, sys, time
            import processing_core

            process = processing_core.get_context(sys.argv[1]).Process(target=time.sleep, args=(600,), daemon=True)
            process.start()
            os.setresuid(65534, 65534, 65534)
            getattr(process, sys.argv[2])()
            process.join(30)
            assert process.exitcode == -signal.SIGKILL, process.exitcode
            """,
            method,
            way,
        )


@pytest.mark.parametrize("method", METHODS)
def test_a_daemonic_child_ends_where_the_system_refuses_the_call(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox may say that there is no such system call."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(_child, "signal_process", refuse)
    process = processing_core.get_context(method).Process(target=time.sleep, args=(600,), daemon=True)
    process.start()
    process.terminate()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


def test_a_refused_family_is_refused_again_for_the_same_reason() -> None:
    """The system grants the memory, and refuses what tells of a fork: nothing is left half made."""
    scripts.run(
        """
        import ctypes, errno, os, platform, struct, sys
        import processing_core

        MADVISE, WIPE_ON_FORK = {"x86_64": 28, "aarch64": 233}.get(platform.machine()), 18
        NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
        LOAD, IS, RETURN = 0x20, 0x15, 6
        REFUSE, ALLOW = 0x00050000 | errno.EPERM, 0x7FFF0000
        steps = [(LOAD, 0, 0, 0), (IS, 0, 3, MADVISE or 0), (LOAD, 0, 0, 32), (IS, 0, 1, WIPE_ON_FORK)]
        steps += [(RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
        code = b"".join(struct.pack("HBBI", *step) for step in steps)
        kept = ctypes.create_string_buffer(code)
        program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(kept))
        prctl = ctypes.CDLL(None).prctl
        if MADVISE is None or prctl(NEW_PRIVILEGES, 1, 0, 0, 0) or prctl(SECCOMP, FILTER, program, 0, 0):
            sys.exit(0)  # no such filters here
        open_before = os.listdir("/proc/self/fd")
        for _ in range(3):
            try:
                processing_core.Process(target=int).start()
            except PermissionError:
                pass
            else:
                raise AssertionError("not refused")
        assert len(os.listdir("/proc/self/fd")) <= len(open_before) + 1, os.listdir("/proc/self/fd")
        """
    )


def test_the_limit_of_files_is_named_where_it_leaves_no_arena() -> None:
    scripts.run(
        """
        import resource
        import processing_core

        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            processing_core.Process(target=int).start()
        except MemoryError as error:
            assert "RLIMIT_FSIZE" in str(error), error
        else:
            raise AssertionError("not refused")
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        process = processing_core.Process(target=int)
        process.start()
        process.join()
        assert process.exitcode == 0
        """
    )


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
@pytest.mark.parametrize("method", METHODS)
def test_a_child_that_bounds_its_memory_can_use_it(method: str, limit: str) -> None:
    """The arena must be far smaller than `RLIMIT_AS`, which also counts reserved address space."""
    scripts.run(
        """
        import os, resource, sys
        import processing_core

        def bound(limit):
            resource.setrlimit(getattr(resource, limit), (2 << 30, 2 << 30))
            sys.exit(len(bytearray(100 << 20)) != 100 << 20)

        if sys.argv[2] == "RLIMIT_AS":
            processing_core.set_arena_limit(64 << 20)
        process = processing_core.get_context(sys.argv[1]).Process(target=bound, args=(sys.argv[2],))
        process.start()
        process.join()
        assert process.exitcode == 0, process.exitcode
        """,
        method,
        limit,
    )


def _program(changes: str) -> str:
    return textwrap.dedent(PROGRAM) + textwrap.dedent(changes)
