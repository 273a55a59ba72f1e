"""Functions that the children of tests run; under every start method they are found here."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
import time
from typing import Any

import processing_core
from processing_core import lowlevel
from processing_testing.meeting import Visit


def nothing() -> None:
    """Do nothing."""


def exit_with(code: object) -> None:
    """End by `sys.exit`."""
    sys.exit(code)  # type: ignore[arg-type]


def fail(text: str) -> None:
    """:raises ValueError: always."""
    raise ValueError(text)


def die_by(signum: int) -> None:
    """End by a signal."""
    os.kill(os.getpid(), signum)
    _await_signals()


def die_at_once(code: int) -> None:
    """End without any of Python's farewells."""
    os._exit(code)


def say(address: str, *message: Any) -> None:
    """Tell the test something."""
    visit = Visit(address)
    visit.say(message)
    visit.leave()


def stay(address: str, *message: Any) -> None:
    """Tell the test something, and wait to be dismissed."""
    visit = Visit(address)
    visit.say(message)
    visit.stay()
    visit.leave()


def introduce(address: str) -> None:
    """Tell the test who this is."""
    process, parent = processing_core.current_process(), processing_core.parent_process()
    say(
        address,
        {
            "name": process.name,
            "pid": process.pid,
            "real pid": os.getpid(),
            "daemon": process.daemon,
            "authkey": process.authkey.hex(),
            "parent": parent and parent.name,
            "parent pid": parent and parent.pid,
            "parent lives": parent and parent.is_alive(),
            "method": processing_core.get_start_method(),
            "children": len(processing_core.active_children()),
            "argv": sys.argv,
            "directory": os.getcwd(),
            "stdin": sys.stdin.read(),
            "repr": repr(process),
        },
    )


def spin(address: str) -> None:
    """Tell the test the pid, and keep a CPU busy for ever."""
    Visit(address).say(os.getpid())
    while True:
        pass


def sleep(address: str) -> None:
    """Tell the test the pid, and sleep for ever, deaf to SIGTERM."""
    visit = Visit(address)
    visit.say(os.getpid())
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    visit.say("deaf")
    while True:
        time.sleep(3600)


def block(address: str) -> None:
    """Tell the test the pid, and never come back from a C function that keeps the GIL."""
    pause = ctypes.PyDLL(None).pause
    Visit(address).say(os.getpid())
    while True:
        pause()


def handle_sigterm(address: str, code: int) -> None:
    """End with *code* on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))
    visit = Visit(address)  # kept: what a handler raises while something is collected is lost
    visit.say(os.getpid())
    _await_signals()


def _await_signals() -> None:
    while True:
        time.sleep(0.01)  # `signal.pause` misses a signal that comes just before it


def wait_for_interrupt(address: str) -> None:
    """Tell the test the pid and what SIGINT became."""
    visit = Visit(address)
    try:
        visit.say(os.getpid())
        _await_signals()
    except KeyboardInterrupt:
        visit.say("KeyboardInterrupt")
        raise


def start_child(address: str, method: str, daemon: bool) -> None:
    """Start a grandchild of the test, which introduces itself, and wait for it."""
    process = processing_core.get_context(method).Process(target=introduce, args=(address,), daemon=daemon)
    process.start()
    process.join()
    sys.exit(process.exitcode)


def leave_behind(address: str, method: str, daemon: bool) -> None:
    """Start a grandchild that waits to be dismissed, and end without joining it."""
    processing_core.get_context(method).Process(target=stay, args=(address, "here"), daemon=daemon).start()


def keep_company(address: str, method: str) -> None:
    """Start a daemonic grandchild that spins, then tell and spin oneself."""
    processing_core.get_context(method).Process(target=spin, args=(address,), daemon=True).start()
    spin(address)


def end_a_thread_late(address: str) -> None:
    """Return while a thread that is no daemon still waits to be dismissed."""
    threading.Thread(target=stay, args=(address, "thread")).start()


def register_exit_function(address: str) -> None:
    """Have something told at the end."""
    atexit.register(say, address, "at exit")


def write(text: str) -> None:
    """Write to standard output, without flushing."""
    sys.stdout.write(text)


def outlive_parent(address: str) -> None:
    """Tell the test whether the parent lives, before and after it has ended."""
    parent = processing_core.parent_process()
    assert parent is not None
    visit = Visit(address)
    visit.say([parent.pid, parent.is_alive()])
    parent.join()
    visit.say([parent.pid, parent.is_alive()])


class Sayer(processing_core.Process):
    """A process that overrides both `__init__` and `run`."""

    def __init__(self, method: str, address: str) -> None:
        super().__init__()
        self._start_method = method  # type: ignore[misc]
        self.address = address

    def run(self) -> None:
        """Tell the test the name."""
        say(self.address, "run of", self.name)


class Unloadable:
    """What can be pickled, but not unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return fail, ("does not load",)


def list_descriptors(address: str) -> None:
    """Tell the test which descriptors are open, beyond the standard three, by what they refer to."""
    visit = Visit(address)
    names = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)]
    visit.say([[name.partition(":")[0] for name in names]])


def _is_open(name: str) -> bool:
    return int(name) > 2 and os.path.lexists(f"/proc/self/fd/{name}")


def tell_surroundings(*variables: str) -> None:
    """Print the directory, the umask, some environment variables and the last entry of ``sys.path``."""
    mask = os.umask(0)
    os.umask(mask)
    print(os.getcwd(), oct(mask), *(os.environ.get(name) for name in variables), sys.path[-1], flush=True)


class Misfit(Exception):
    """It pickles, but does not unpickle: it asks for two arguments, and keeps one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


class Attached(Exception):
    """It does not pickle."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class Mute(Exception):
    """It can neither be pickled nor shown."""

    def __reduce__(self) -> Any:
        raise ValueError("not pickled")

    def __str__(self) -> str:
        raise ValueError("not shown")


class Turncoat(Exception):
    """It unpickles as something else."""

    def __reduce__(self) -> Any:
        return str, ("no exception",)


def raise_it(kind: str) -> None:
    """Raise what its name says, with a cause and a note."""
    exceptions: dict[str, BaseException] = {
        "ValueError": ValueError("the reason", 1),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "GeneratorExit": GeneratorExit("odd"),
        "Misfit": Misfit("one", "two"),
        "Attached": Attached("the text"),
        "Mute": Mute(),
        "Turncoat": Turncoat("the text"),
        "large": ValueError("x" * 3_000_000),
    }
    error = exceptions[kind]
    error.add_note("a note")
    raise error from LookupError("the cause")


def raise_after_dismissal(address: str) -> None:
    """Wait to be dismissed, and raise."""
    stay(address)
    raise ValueError("dismissed")


def fail_while_leaving() -> None:
    """Return, and raise in an exit function."""
    atexit.register(fail, "in an exit function")


def hook(args: processing_core.ExceptHookArgs) -> None:
    """An excepthook."""
    assert args.process is not None
    print(f"hooked {args.exc_type.__name__} {args.exc_value} {args.process.name}", flush=True)


def fail_with_hook(broken: bool) -> None:
    """Raise, with an excepthook that is, or is not, broken itself."""
    processing_core.excepthook = (lambda args: fail("the hook's own")) if broken else hook
    raise ValueError("the reason")


def to_stdout(broken: bool, target: Any) -> None:
    """Call with standard error on standard output."""
    sys.stderr = sys.stdout
    target(broken)


def say_native_id(address: str) -> None:
    """Tell the test the main thread's id, twice."""
    say(address, threading.get_native_id(), processing_core.current_process().native_id)


def tell_of_a_failed_child(address: str, method: str) -> None:
    """Start a grandchild of the test that fails, and tell what it raised."""
    process = processing_core.get_context(method).Process(target=fail, args=("of a grandchild",))
    process.start()
    process.join()
    say(address, repr(process.exception))


def fail_in_a_full_arena() -> None:
    """Leave no byte of the arena, and raise."""
    taken: list[lowlevel.Block] = []
    for size in (1 << 20, 1 << 12, 64):
        try:
            while True:
                taken.append(lowlevel.Block(size))
        except MemoryError:
            pass
    sys.stderr = None
    raise ValueError("x" * 10_000)
