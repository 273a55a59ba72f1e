"""Programs with closed standard streams, daemons that close all descriptors, and processes with too few descriptors."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import processing_core
from processing_core.lowlevel import borrowed_socket
from processing_testing.harness import scripts
from processing_testing.harness.interruption_cases import Case, interrupt_everywhere
from processing_testing.harness.mechanisms import (
    needs_forks,
    needs_mapped_files,
    needs_memory_opened_again,
    needs_numbered_descriptors,
    needs_resource_limits,
)

METHODS = processing_core.get_all_start_methods()
STREAMS = [closed for n in range(4) for closed in itertools.combinations(range(3), n)]

CLOSED_STREAMS = """
    import os, sys

    import processing_core
    from processing_core import lowlevel

    def say():
        print("hello " * 400, flush=True)

    def fail():
        raise ValueError("x" * 3000)

    def numbers():
        return {n: os.readlink(f"/proc/self/fd/{n}") for n in range(3) if os.path.lexists(f"/proc/self/fd/{n}")}

    def check_streams():
        ours = [what for what in numbers().values() if "memfd" in what or "socket" in what]
        assert not ours, ours

    if __name__ == "__main__":
        context, result = processing_core.get_context(sys.argv[1]), int(sys.argv[2])
        for target in (say, fail, check_streams, say):
            process = context.Process(target=target, daemon=target is say)
            process.start()
            process.join(30)
            if process.exitcode != (1 if target is fail else 0):
                os.write(result, f"{target.__name__}: {process.exitcode}, {process.exception!r}".encode())
        check_streams()
        lowlevel.verify()
        os.write(result, b"fine")
"""


@needs_numbered_descriptors
@pytest.mark.parametrize("closed", STREAMS, ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_a_program_with_closed_streams(method: str, closed: tuple[int, ...], tmp_path: Path) -> None:
    """The output of its children is discarded, and no descriptor of ours has the number of a standard stream."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(CLOSED_STREAMS))
    ours, theirs = os.pipe()
    redirections = " ".join(f"{fd}>&-" for fd in closed)
    command = f'exec "$0" "$1" {method} {theirs} {redirections}'
    with open(os.devnull, "r+") as null:
        subprocess.run(
            ["sh", "-c", command, sys.executable, str(program)],
            pass_fds=[theirs],
            stdin=null,
            stdout=null,
            stderr=null,
            timeout=60,
            check=False,
        )
    os.close(theirs)
    with open(ours, "rb") as said:
        assert said.read() == b"fine"


@needs_forks
@needs_memory_opened_again
@pytest.mark.parametrize("method", METHODS)
def test_a_daemon_that_closes_everything(method: str, tmp_path: Path) -> None:
    """The daemon has made a shared object before; its new objects work, and processes start."""
    scripts.run(
        """
        import os, sys
        import processing_core
        from processing_core import lowlevel

        early = lowlevel.Lock()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(3, 4096)
                files = [open(f"{sys.argv[2]}/{n}", "w+b") for n in range(40)]  # under the numbers of ours
                for file in files:
                    file.write(b"user's" * 1000)
                    file.flush()
                try:
                    blocks = [lowlevel.pack(os.urandom(1 << 20)) for _ in range(200)]
                    del blocks
                    process = processing_core.get_context(sys.argv[1]).Process(target=early.release, daemon=True)
                    with lowlevel.Lock():
                        early.acquire()
                        process.start()
                        process.join(30)
                    assert process.exitcode == 0, (process.exitcode, process.exception)
                    assert early.acquire(timeout=5)
                    lowlevel.verify()
                    for file in files:
                        file.seek(0)
                        assert file.read() == b"user's" * 1000
                        assert os.fstat(file.fileno()).st_blocks <= 16
                    text = "fine"
                except BaseException as error:
                    text = repr(error)
                with open(f"{sys.argv[2]}/result.new", "w") as file:
                    file.write(text)
                os.rename(f"{sys.argv[2]}/result.new", f"{sys.argv[2]}/result")
            os._exit(0)
        os.wait()
        early = None
        for _ in range(3000):
            if os.path.exists(f"{sys.argv[2]}/result"):
                break
            os.sched_yield()
            __import__("time").sleep(0.01)  # no event is possible: every descriptor was closed
        result = open(f"{sys.argv[2]}/result").read()
        assert result == "fine", result
        """,
        method,
        str(tmp_path),
    )


@needs_mapped_files
@pytest.mark.parametrize("method", METHODS)
def test_a_program_that_closes_the_descriptors_of_its_children(method: str) -> None:
    """Sentinels and control sockets are opened again or replaced; exit codes are right."""
    scripts.run(
        """
        import os, sys
        import processing_core

        context = processing_core.get_context(sys.argv[1])
        first = context.Process(target=sys.exit, args=(3,))
        first.start()
        os.closerange(3, 200)
        first.join(30)
        assert first.exitcode == 3, first.exitcode
        files = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]
        again = context.Process(target=sys.exit, args=(4,))
        again.start()
        os.closerange(3, 200)
        files = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]
        assert again.sentinel not in files or os.fstat(again.sentinel)
        again.join(30)
        assert again.exitcode == 4, again.exitcode
        del again, first
        for fd in files:
            os.close(fd)  # no other code has closed it
        """,
        method,
    )


@needs_numbered_descriptors
@pytest.mark.parametrize("method", [method for method in METHODS if method != "forkserver"])  # whose server has one
def test_a_program_that_cannot_open_its_memory_again(method: str) -> None:
    """Once it has closed the only descriptor, a start says so, and what is shared already works."""
    scripts.run(
        """
        import contextlib, errno, os, sys
        import processing_core
        from processing_core import lowlevel

        lock = lowlevel.Lock()
        context = processing_core.get_context(sys.argv[1])
        first, process = context.Process(target=sys.exit), context.Process(target=sys.exit)
        first.start()  # which imports all that a start needs: another user may find no modules
        first.join()
        with contextlib.suppress(OSError):
            os.setuid(65534)  # root may open it
        os.closerange(3, 200)
        for _ in range(2):
            try:
                process.start()
            except OSError as error:
                assert error.errno == errno.EBADF, error
                assert "the system lets it open no other" in str(error), error
            else:
                raise AssertionError("it has started")
            with lock:
                pass
        """,
        method,
    )


@needs_resource_limits
@pytest.mark.parametrize("method", METHODS)
def test_too_few_descriptors(method: str) -> None:
    """A start works, or raises an error with the limit; the next works when there are enough descriptors."""
    scripts.run(
        """
        import errno, os, resource, sys
        import processing_core

        context = processing_core.get_context(sys.argv[1])

        def start():
            process = context.Process(target=sys.exit, args=(5,), daemon=True)
            process.start()
            process.join(30)
            assert process.exitcode == 5, (process.exitcode, process.exception)

        start()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        refused = 0
        for spare in range(24):
            highest = max(map(int, os.listdir("/proc/self/fd")))
            holes = [os.open(os.devnull, os.O_RDONLY) for _ in range(highest)]
            for fd in holes[:spare]:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(holes) + 1, hard))
            try:
                start()
            except OSError as error:
                refused += 1
                assert error.errno == errno.EMFILE, error
                assert f"{max(holes) + 1} descriptors" in str(error), error
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for fd in holes[spare:]:
                    os.close(fd)
            start()
        assert refused >= 3, refused
        assert not processing_core.active_children()
        """,
        method,
    )


@needs_mapped_files
@pytest.mark.attack
def test_threads_that_open_the_arena_again_at_once(rounds: Callable[[int, int], int]) -> None:
    """A thread that waited for the arena opens the file without the GIL, as others may: one descriptor must remain."""
    scripts.run(
        """
        import os, signal, sys, threading
        from processing_core._native import _kernel as k

        def opened():
            arena, found = os.stat(k.arena_fd()), 0
            for name in os.listdir("/proc/self/fd"):
                try:
                    found += os.path.samestat(arena, os.stat(int(name)))
                except OSError:
                    pass  # the directory's own
            return found

        def keep_the_arena():
            while True:
                [k.Lock() for _ in range(50)].clear()

        k.Lock()
        others = []
        for _ in range(2):
            others.append(os.fork())
            if not others[-1]:
                keep_the_arena()

        def reserve():
            while not over.is_set():
                try:
                    slot, serial, token = k.reserve("")
                except (MemoryError, OSError):
                    continue  # the descriptor was closed between finding it and using it
                k.close_token(token)
                k.reap(slot, serial)

        sys.setswitchinterval(1e-5)
        over = threading.Event()
        threads = [threading.Thread(target=reserve) for _ in range(2)]
        try:
            for thread in threads:
                thread.start()
            for _ in range(int(sys.argv[1])):
                os.close(k.arena_fd())
                k.arena_fd()
        finally:
            over.set()
            for thread in threads:
                thread.join()
            for pid in others:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        assert opened() == 1, opened()
        """,
        str(rounds(10_000, 500_000)),
    )


def test_an_interrupt_does_not_close_the_descriptor_of_a_borrowed_socket() -> None:
    """At whatever point: the socket object would close its owner's descriptor if it were dropped."""
    owner, other = socket.socketpair()
    with closing(owner), closing(other):

        def call() -> None:
            with borrowed_socket(owner.fileno()) as stream:
                stream.getsockname()

        def check() -> None:
            other.sendall(b"x")
            assert owner.recv(1) == b"x"

        interrupt_everywhere(lambda: Case(call, check, least=5), 1000)
