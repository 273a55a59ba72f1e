"""Programs in a container or a changed root that has no ``/proc``."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import processing

METHODS = processing.get_all_start_methods()

PROGRAM = """
    import os, selectors, signal, sys, threading, time
    import processing
    from processing import connection, shared_memory
    from processing_core import _kernel, lowlevel

    def double(number):
        return 2 * number

    def die(_=None):
        os.kill(os.getpid(), signal.SIGKILL)

    def exit_beside_a_thread():
        threading.Thread(target=time.sleep, args=(0.2,)).start()
        sys.exit(3)

    def start_another(method):
        child = processing.get_context(method).Process(target=sys.exit, args=(4,))
        child.start()
        child.join()
        sys.exit(child.exitcode)

    def announce(pipe):
        pipe.send("here")
        time.sleep(60)

    def hold(lock):
        lock.acquire()
        os._exit(0)

    def call(address):
        with connection.Client(address, authkey=b"key") as client:
            client.send(42)

    def write(name):
        memory = shared_memory.SharedMemory(name)
        memory.buf[0] = 7
        memory.close()

    def ended(context, target, *args):
        child = context.Process(target=target, args=args)
        child.start()
        child.join(30)
        return child.exitcode

    def starts(context, method):
        assert ended(context, sys.exit, 3) == 3
        assert ended(context, exit_beside_a_thread) == 3
        assert ended(context, start_another, method) == 4
        assert ended(context, die) == -signal.SIGKILL
        here, there = context.Pipe()
        idle = context.Process(target=announce, args=(there,), daemon=True)
        idle.start()
        here.recv()
        assert any(pid == idle.pid for _, _, pid, _ in lowlevel.members())
        idle.terminate()
        idle.join()
        assert idle.exitcode == -signal.SIGTERM
        assert all(pid != idle.pid for _, _, pid, _ in lowlevel.members())

    def tokens(context, method):
        context.Lock()  # creates the family
        slot, serial, token = _kernel.reserve("to come")
        read, write = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
        _kernel.close_token(token)
        assert lowlevel.alive(slot, serial)  # the child still has the token
        os.close(write)
        os.waitpid(pid, 0)
        assert not lowlevel.alive(slot, serial)
        assert lowlevel.reap(slot, serial)

    def locks(context, method):
        lock = context.Lock()
        ended(context, hold, lock)
        try:
            lock.acquire(timeout=30)
        except processing.OwnerDied:
            return
        raise AssertionError("the dead owner's lock was taken")

    def pipes(context, method):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=sender.send, args=("hello",))
        child.start()
        child.join()
        for further in (1, 2):
            sender.send(further)
        with selectors.DefaultSelector() as selector:
            selector.register(receiver, selectors.EVENT_READ)
            for expected in ("hello", 1, 2):
                assert selector.select(30)
                assert receiver.recv() == expected
            assert not selector.select(0)
            sender.close()
            assert selector.select(30)
        assert connection.wait([receiver], 30) == [receiver]

    def pools(context, method):
        with context.Pool() as pool:
            assert pool.map(double, range(100)) == [2 * n for n in range(100)]
            try:
                pool.apply(die)
            except processing.WorkerDied:
                pass
            assert pool.apply(double, (4,)) == 8
        with processing.ProcessPoolExecutor(2, mp_context=context) as executor:
            assert list(executor.map(double, range(3))) == [0, 2, 4]

    def servers(context, method):
        with context.Manager() as manager:
            assert manager.dict(a=1).copy() == {"a": 1}
        with connection.Listener(authkey=b"key") as listener:
            child = context.Process(target=call, args=(listener.address,))
            child.start()
            with listener.accept() as accepted:
                assert accepted.recv() == 42
            child.join()

    def memory(context, method):
        named = shared_memory.SharedMemory(create=True, size=8)
        try:
            assert ended(context, write, named.name) == 0
            assert named.buf[0] == 7
            try:
                shared_memory.SharedMemory(named.name, create=True, size=8)
                raise AssertionError("the name was given twice")
            except FileExistsError:
                pass
        finally:
            named.close()
            named.unlink()

    if __name__ == "__main__":
        assert not os.path.exists("/proc/self")
        globals()[sys.argv[1]](processing.get_context(sys.argv[2]), sys.argv[2])
        print("fine")
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Runs a part of the program where ``/proc`` is an empty folder."""
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user cannot mount something over /proc")
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))

    def run(*arguments: str) -> None:
        command = f"mount -t tmpfs none /proc && exec {sys.executable} {program} {' '.join(arguments)}"
        completed = subprocess.run(
            ["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, timeout=50, check=False
        )
        assert (completed.returncode, completed.stdout) == (0, "fine\n"), completed.stderr

    return run


@pytest.mark.parametrize("part", ["starts", "locks", "pipes", "pools", "servers", "memory"])
@pytest.mark.parametrize("method", METHODS)
def test_everything_works(part: str, method: str, run: Callable[..., None]) -> None:
    run(part, method)


def test_a_member_is_alive_as_long_as_its_token(run: Callable[..., None]) -> None:
    run("tokens", "fork")
