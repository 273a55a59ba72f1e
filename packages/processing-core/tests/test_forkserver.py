"""The forkserver and its spares; what is the same under every start method stands in `test_process`."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import selectors
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import processing_core
from processing_core import Process, lowlevel
from processing_core._start import _forkserver, _spare
from processing_testing import children, scripts
from processing_testing.meeting import Meeting

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
    def test_killed_first(self, place: Meeting) -> None:
        at_work, doomed = (run(children.stay, place.address, n) for n in range(2))
        guests = {guest.hear()[0]: guest for guest in (place.welcome(), place.welcome())}
        server = _forkserver.running_server()
        os.kill(server.pid, signal.SIGKILL)
        assert at_work.sentinel != -1 and at_work.is_alive()
        again = run(children.exit_with, 4)
        assert ended(again) == 4
        assert _forkserver.running_server().pid != server.pid
        guests[0].dismiss()
        assert ended(at_work) == 0  # it left word itself
        doomed.kill()
        assert ended(doomed) == 255  # nobody was there to ask the system

    @pytest.mark.parametrize("spares", ["left", "killed"])
    def test_that_is_long_about_dying_is_not_asked_again(self, tmp_path: Path, spares: str) -> None:
        """A killed process closes its descriptors before it is seen to have ended; here, long before."""
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        program = """
            import os, signal, sys
            import processing_core
            from processing_core import lowlevel
            from processing_core._start import _forkserver
            processing_core.set_forkserver_preload(["processing_testing.dying"])
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
                        continue  # it is gone, or being reaped
                    raise
                assert lowlevel.readable(pidfd, 2), f"{pid} is left"
                os.close(pidfd)

    def test_that_cannot_fork_says_so_and_leaves_nothing(self) -> None:
        told = scripts.run("""
            import os
            import processing_core
            from processing_core import lowlevel
            processing_core.set_forkserver_preload(["processing_testing.forkless"])
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
        from processing_testing import children
        method, folder = sys.argv[1:]
        context = processing_core.get_context(method)
        def tell():
            names = ("FIRST", "SECOND", "THIRD")
            process = context.Process(target=children.tell_surroundings, args=names)
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
            processing_core.set_forkserver_preload(["processing_testing.impatient"])
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

    def test_serve_a_burst(self, place: Meeting, rounds: Callable[[int, int], int]) -> None:
        many = [run(children.stay, place.address) for _ in range(rounds(40, 200))]
        guests = [place.welcome() for _ in many]
        assert all(process.is_alive() for process in many)
        assert len({process.pid for process in many}) == len(many)
        for guest in guests:
            guest.dismiss()
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
                    pass  # it has just ended
            codes.append(ended(run(children.exit_with, 3)))
        # A victim that had been a spare when it was looked for may have become a process when it was hit.
        assert set(codes) <= {3, -signal.SIGKILL, 255}
        assert codes.count(3) > len(codes) * 0.5
        print(f"{len(codes)} starts, {codes.count(3)} untouched; every start returned")


class TestSentinel:
    def test_works_with_selectors(self, place: Meeting) -> None:
        process = run(children.stay, place.address)
        guest = place.welcome()
        with selectors.DefaultSelector() as selector:
            selector.register(process.sentinel, selectors.EVENT_READ)
            assert selector.select(0) == []
            guest.dismiss()
            assert [key.fd for key, _ in selector.select(30)] == [process.sentinel]
        assert process.exitcode == 0

    def test_works_with_asyncio(self, place: Meeting) -> None:
        async def watch() -> int | None:
            process = run(children.stay, place.address)
            end = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().add_reader(process.sentinel, end.set_result, None)
            place.welcome().dismiss()
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
