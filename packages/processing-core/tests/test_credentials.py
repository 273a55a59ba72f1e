"""A child has the credentials, the limits and the processors that its parent has at that moment, under every method."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

import processing_core
from processing_testing.harness import scripts

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
