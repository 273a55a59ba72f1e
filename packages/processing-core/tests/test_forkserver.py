"""The forkserver and its spares; what is the same under every start method is tested in `test_process`."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import selectors
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import processing_core

if "forkserver" not in processing_core.get_all_start_methods():
    pytest.skip("the system has no forkserver", allow_module_level=True)

from processing_core import Process, lowlevel
from processing_core._start import _forkserver, _spare
from processing_core._start._exec import reserved
from processing_testing.children import functions as children
from processing_testing.harness import scripts
from processing_testing.harness.rendezvous import Rendezvous

CONTEXT = processing_core.get_context("forkserver")


def run(target: Callable[..., object], *args: object) -> Process:
    process = CONTEXT.Process(target=target, args=args)
    process.start()
    return process


def ended(process: Process) -> int | None:
    process.join(60)
    return process.exitcode


def spares() -> list[int]:
    """The pids of the spares that wait at this moment."""
    return [pid for _, _, pid, name in lowlevel.members() if name == _spare.SPARE_NAME]


class TestServer:
    def test_killed_first(self, rendezvous: Rendezvous) -> None:
        at_work, victim = (run(children.report_and_wait, rendezvous.address, n) for n in range(2))
        peers = {peer.receive()[0]: peer for peer in (rendezvous.accept(), rendezvous.accept())}
        server = _forkserver.running_server()
        os.kill(server.pid, signal.SIGKILL)
        assert at_work.sentinel != -1 and at_work.is_alive()
        again = run(children.exit_with, 4)
        assert ended(again) == 4
        assert _forkserver.running_server().pid != server.pid
        peers[0].release()
        assert ended(at_work) == 0  # the process has reported its exit code itself
        victim.kill()
        assert ended(victim) == 255  # its parent, the server, was dead, so no process could get the exit code

    @pytest.mark.parametrize("spares", ["left", "killed"])
    def test_that_dies_slowly_is_not_asked_again(self, tmp_path: Path, spares: str) -> None:
        """A killed process closes its descriptors before it is seen to have ended; here, long before."""
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        program = """
            import os, signal, sys
            import processing_core
            from processing_core import lowlevel
            from processing_core._start import _forkserver
            processing_core.set_forkserver_preload(["processing_testing.children.dying"])
            context = processing_core.get_context("forkserver")
            def start():
                process = context.Process(target=len, args=("",))
                process.start()
                process.join()
                assert process.exitcode == 0
            def spares():
                return [pid for _, _, pid, name in lowlevel.members() if name == "ForkServer spare"]
            while len(spares()) < 3:
                start()
            if sys.argv[1] == "killed":
                for pid in spares():
                    os.kill(pid, signal.SIGKILL)
                while spares():
                    pass
            server = _forkserver.running_server()
            os.kill(server.pid, signal.SIGUSR1)
            os.close(os.open(sys.argv[2], os.O_RDONLY))
            start()
            assert _forkserver.running_server() is not server
        """
        scripts.run(program, spares, str(fifo), DYING_FIFO=str(fifo))

    @pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of sockets")
    def test_no_other_process_can_connect_to_it(self) -> None:
        """It needs no key: its sockets have no address, so only a process that got one of them can send a request."""
        assert ended(run(children.nothing)) == 0
        folder = Path(f"/proc/{_forkserver.running_server().pid}")

        def sockets() -> set[str]:
            found = []
            for path in folder.joinpath("fd").iterdir():
                with suppress(FileNotFoundError):  # the descriptor was closed meanwhile
                    found.append(os.readlink(path))
            return {name.removeprefix("socket:[").removesuffix("]") for name in found if name.startswith("socket:")}

        earlier = sockets()
        unix = [line.split() for line in folder.joinpath("net/unix").read_text().splitlines()[1:]]
        inodes = earlier & sockets()  # a spare that ends takes its socket with it
        ours = [(flags, path) for _, _, _, flags, _, _, inode, *path in unix if inode in inodes]
        assert len(ours) == len(inodes) > 0  # none is a network socket
        assert set(map(str, ours)) == {"('00000000', [])"}  # no socket listens or has an address

    def test_is_one_per_process(self) -> None:
        ended(run(children.nothing))
        server = _forkserver.running_server()
        ended(run(children.nothing))
        assert _forkserver.running_server() is server

    def test_goes_with_its_spares_when_the_program_ends_or_dies(self) -> None:
        for end in ["pass", "os.kill(os.getpid(), 9)"]:
            source = f"""
            import os, sys
            import processing_core
            from processing_core import lowlevel
            process = processing_core.get_context("forkserver").Process(target=len, args=("",))
            process.start()
            process.join()
            print(*(pid for _, _, pid, _ in lowlevel.members() if pid != os.getpid()), flush=True)
            {end}
            """
            told = scripts.run(source, status=0 if end == "pass" else -9)
            pids = [int(pid) for pid in told.split()]
            assert pids
            for pid in pids:
                try:
                    pidfd = os.pidfd_open(pid)
                except OSError as error:
                    if error.errno in (errno.ESRCH, errno.EINVAL):
                        continue  # the process has ended, or is being reaped
                    raise
                assert lowlevel.readable(pidfd, 2), f"{pid} is left"
                os.close(pidfd)

    def test_that_cannot_fork_says_so_and_leaves_nothing(self) -> None:
        told = scripts.run("""
            import os
            import processing_core
            from processing_core import lowlevel
            processing_core.set_forkserver_preload(["processing_testing.children.forkless"])
            context = processing_core.get_context("forkserver")
            found = []
            for daemon in [False, True] * 10:
                process = context.Process(target=len, args=("",), daemon=daemon)
                try:
                    process.start()
                except OSError as error:
                    assert process.pid is None and process.exitcode is None
                    found.append((len(os.listdir("/proc/self/fd")), lowlevel.stats()["cells"]))
                    told = str(error)
            assert len(found) == 20 and found[1] == found[-1], found
            print(told)
        """)
        assert "temporarily unavailable" in told


class TestSurroundings:
    @pytest.mark.parametrize("method", processing_core.get_all_start_methods())
    def test_are_the_present_ones_of_the_parent(self, method: str, tmp_path: os.PathLike[str]) -> None:
        source = """
        import os, sys
        import processing_core
        from processing_testing.children import functions as children
        method, folder = sys.argv[1:]
        context = processing_core.get_context(method)
        def tell():
            names = ("FIRST", "SECOND", "THIRD")
            process = context.Process(target=children.print_surroundings, args=names)
            process.start()
            process.join()
            assert process.exitcode == 0
        os.umask(0o022)
        os.environ.update(FIRST="1", SECOND="2")
        tell()
        os.chdir(folder)
        os.umask(0o027)
        del os.environ["FIRST"]
        os.environ.update(SECOND="zwei", THIRD="3")
        sys.path.append("/no/such/folder")
        tell()
        os.environ.update(FIRST="again")
        del os.environ["THIRD"]
        tell()
        """
        told = scripts.run(source, method, os.fspath(tmp_path)).splitlines()
        assert told[0].split()[1:5] == ["0o22", "1", "2", "None"]
        assert told[1] == f"{tmp_path} 0o27 None zwei 3 /no/such/folder"
        assert told[2] == f"{tmp_path} 0o27 again zwei None /no/such/folder"


class TestSpares:
    def test_of_an_idle_program_give_themselves_up(self) -> None:
        scripts.run("""
            import os
            import processing_core
            from processing_core import lowlevel
            processing_core.set_forkserver_preload(["processing_testing.children.short_lived_spares"])
            context = processing_core.get_context("forkserver")
            def cycle():
                process = context.Process(target=len, args=("",))
                process.start()
                process.join()
                assert process.exitcode == 0
            def spares():
                return [pid for _, _, pid, name in lowlevel.members() if name == "ForkServer spare"]
            for _ in range(3):
                cycle()
                cycle()
                while not (waiting := spares()):
                    pass
                while waiting:
                    for pid in waiting:
                        try:
                            pidfd = os.pidfd_open(pid)
                        except ProcessLookupError:
                            continue
                        assert lowlevel.readable(pidfd, 20)
                        os.close(pidfd)
                    waiting = spares()
        """)

    def test_serve_a_burst(self, rendezvous: Rendezvous, rounds: Callable[[int, int], int]) -> None:
        many = [run(children.report_and_wait, rendezvous.address) for _ in range(rounds(40, 200))]
        peers = [rendezvous.accept() for _ in many]
        assert all(process.is_alive() for process in many)
        assert len({process.pid for process in many}) == len(many)
        for peer in peers:
            peer.release()
        assert {ended(process) for process in many} == {0}

    @pytest.mark.attack
    @pytest.mark.watchdog(600)
    def test_and_server_are_killed_while_processes_start(self, rounds: Callable[[int, int], int]) -> None:
        chance = random.Random(os.getpid())
        codes = []
        for _ in range(rounds(60, 1000)):
            candidates = [*spares(), *([_forkserver.running_server().pid] if chance.random() < 0.1 else [])]
            if candidates:
                try:
                    os.kill(chance.choice(candidates), signal.SIGKILL)
                except ProcessLookupError:
                    pass  # the process has just ended
            codes.append(ended(run(children.exit_with, 3)))
        # A spare that was chosen as a victim may have become a process of the test when it was killed.
        assert set(codes) <= {3, -signal.SIGKILL, 255}
        assert codes.count(3) > len(codes) * 0.5
        print(f"{len(codes)} starts, {codes.count(3)} untouched; every start returned")


class TestSentinel:
    def test_works_with_selectors(self, rendezvous: Rendezvous) -> None:
        process = run(children.report_and_wait, rendezvous.address)
        peer = rendezvous.accept()
        with selectors.DefaultSelector() as selector:
            selector.register(process.sentinel, selectors.EVENT_READ)
            assert selector.select(0) == []
            peer.release()
            assert [key.fd for key, _ in selector.select(30)] == [process.sentinel]
        assert process.exitcode == 0

    def test_works_with_asyncio(self, rendezvous: Rendezvous) -> None:
        async def watch() -> int | None:
            process = run(children.report_and_wait, rendezvous.address)
            end = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().add_reader(process.sentinel, end.set_result, None)
            rendezvous.accept().release()
            await asyncio.wait_for(end, 30)
            asyncio.get_running_loop().remove_reader(process.sentinel)
            return process.exitcode

        assert asyncio.run(watch()) == 0


class TestCycles:
    @pytest.mark.attack
    @pytest.mark.watchdog(900)
    @pytest.mark.parametrize("method", processing_core.get_all_start_methods())
    def test_leave_nothing(self, method: str, rounds: Callable[[int, int], int]) -> None:
        context = processing_core.get_context(method)
        cycles = rounds(100, 10_000) if method == "forkserver" else rounds(20, 200)

        def cycle() -> None:
            process = context.Process(target=children.exit_with, args=(3,))
            process.start()
            assert ended(process) == 3
            process.close()

        def held() -> tuple[int, int, int]:
            return len(os.listdir("/proc/self/fd")), lowlevel.stats()["cells"], len(processing_core.active_children())

        cycle()
        before = held()
        for _ in range(cycles):
            cycle()
        assert held() == before
        print(f"{cycles} processes under {method}, nothing left")


class TestServersThatEnded:
    def test_a_killed_one_leaves_no_descriptor(self) -> None:
        def kill() -> None:
            server = _forkserver.running_server()
            os.kill(server.pid, signal.SIGKILL)
            process = run(children.exit_with, 4)  # another server starts it
            assert ended(process) == 4
            process.close()

        kill()
        # The number of descriptors is compared, since the next server's may have lower numbers that became free.
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            kill()
        assert len(os.listdir("/proc/self/fd")) == before

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its groups at will")
    def test_a_replaced_one_lives_as_long_as_its_children(self) -> None:
        scripts.run(
            """
            import gc, os, sys, time
            import processing_core
            from processing_core._start import _forkserver

            context = processing_core.get_context("forkserver")
            first = context.Process(target=time.sleep, args=(0.3,))
            first.start()
            old = _forkserver.running_server().pid
            os.setgroups([1])
            second = context.Process(target=sys.exit, args=(3,))
            second.start()
            assert _forkserver.running_server().pid != old
            first.join()
            assert first.exitcode == 0  # reported by the old server
            second.join()
            assert second.exitcode == 3
            os.kill(old, 0)
            first.close()
            del first
            gc.collect()
            try:
                os.kill(old, 0)
            except ProcessLookupError:
                sys.exit(0)
            sys.exit("the old server is there")
            """
        )


class TestMembers:
    def test_have_their_names_and_process_ids(self) -> None:
        ended(run(children.nothing))
        members = lowlevel.members()
        server = _forkserver.running_server().pid
        assert [name for _, _, pid, name in members if pid == server] == ["ForkServer"]
        with reserved("to come") as (place, _):
            assert lowlevel.members()
            assert all(pid > 0 and (slot, serial) != place for slot, serial, pid, _ in lowlevel.members())
