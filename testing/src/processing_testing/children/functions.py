"""Functions that child processes of tests run; they are in a module that every start method can import."""

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
from processing_testing.children import killing
from processing_testing.harness.rendezvous import RendezvousClient


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
    if signum == killing.SIGKILL:
        killing.kill(os.getpid())
    os.kill(os.getpid(), signum)
    _await_signals()


def die_at_once(code: int) -> None:
    """End without running Python's exit functions."""
    os._exit(code)


def report(address: str, *message: Any) -> None:
    """Send the test a message."""
    client = RendezvousClient(address)
    client.send(message)
    client.close()


def report_and_wait(address: str, *message: Any) -> None:
    """Send the test a message, and wait until the test releases this process."""
    client = RendezvousClient(address)
    client.send(message)
    client.wait_for_release()
    client.close()


def report_identity(address: str) -> None:
    """Send the test what identifies this process."""
    process, parent = processing_core.current_process(), processing_core.parent_process()
    report(
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
    RendezvousClient(address).send(os.getpid())
    while True:
        pass


def sleep(address: str) -> None:
    """Send the test the pid, and sleep for ever, ignoring SIGTERM."""
    client = RendezvousClient(address)
    client.send(os.getpid())
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    client.send("deaf")
    while True:
        time.sleep(3600)


def block(address: str) -> None:
    """Send the test the pid, and call a C function that keeps the GIL and does not return."""
    windows = sys.platform == "win32"
    pause: Any = ctypes.PyDLL("kernel32").Sleep if windows else ctypes.PyDLL(None).pause
    RendezvousClient(address).send(os.getpid())
    while True:
        pause(*([3_600_000] if windows else []))


def handle_sigterm(address: str, code: int) -> None:
    """End with *code* on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))
    client = RendezvousClient(
        address
    )  # kept alive, because an exception of the handler is lost if it is raised during a finalizer
    client.send(os.getpid())
    _await_signals()


def _await_signals() -> None:
    while True:
        time.sleep(0.01)  # `signal.pause` misses a signal that comes just before it


def wait_for_interrupt(address: str) -> None:
    """Send the test the pid, and after SIGINT what it raised."""
    client = RendezvousClient(address)
    try:
        client.send(os.getpid())
        _await_signals()
    except KeyboardInterrupt:
        client.send("KeyboardInterrupt")
        raise


def start_child(address: str, method: str, daemon: bool) -> None:
    """Start a grandchild of the test, which reports its identity, and wait for it."""
    process = processing_core.get_context(method).Process(target=report_identity, args=(address,), daemon=daemon)
    process.start()
    process.join()
    sys.exit(process.exitcode)


def leave_behind(address: str, method: str, daemon: bool) -> None:
    """Start a grandchild that waits to be released, and end without joining it."""
    processing_core.get_context(method).Process(target=report_and_wait, args=(address, "here"), daemon=daemon).start()


def start_daemon_and_spin(address: str, method: str) -> None:
    """Start a daemonic grandchild that spins, then report and spin, too."""
    processing_core.get_context(method).Process(target=spin, args=(address,), daemon=True).start()
    spin(address)


def end_a_thread_late(address: str) -> None:
    """Return while a thread that is no daemon still waits to be released."""
    threading.Thread(target=report_and_wait, args=(address, "thread")).start()


def register_exit_function(address: str) -> None:
    """Register an exit function that sends the test a message."""
    atexit.register(report, address, "at exit")


def write(text: str) -> None:
    """Write to standard output, without flushing."""
    sys.stdout.write(text)


def outlive_parent(address: str) -> None:
    """Report whether the parent is alive, before and after its end."""
    parent = processing_core.parent_process()
    assert parent is not None
    client = RendezvousClient(address)
    client.send([parent.pid, parent.is_alive()])
    parent.join()
    client.send([parent.pid, parent.is_alive()])


class Reporter(processing_core.Process):
    """A process that overrides both `__init__` and `run`."""

    def __init__(self, method: str, address: str) -> None:
        super().__init__()
        self._start_method = method  # type: ignore[misc]
        self.address = address

    def run(self) -> None:
        """Tell the test the name."""
        report(self.address, "run of", self.name)


class SlottedReporter(Reporter):
    """A `Reporter` whose address is in a slot."""

    __slots__ = ("address",)


class Unloadable:
    """An object that can be pickled, but not unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return fail, ("does not load",)


def list_descriptors(address: str) -> None:
    """Tell the test which descriptors are open, beyond the standard three, by what they refer to."""
    client = RendezvousClient(address)
    names = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)]
    client.send([[name.partition(":")[0] for name in names]])


def _is_open(name: str) -> bool:
    return int(name) > 2 and os.path.lexists(f"/proc/self/fd/{name}")


def print_surroundings(*variables: str) -> None:
    """Print the directory, the umask, some environment variables and the last entry of ``sys.path``."""
    mask = os.umask(0)
    os.umask(mask)
    print(os.getcwd(), oct(mask), *(os.environ.get(name) for name in variables), sys.path[-1], flush=True)


class UnloadableError(Exception):
    """An exception that can be pickled, but not unpickled: its class takes two arguments, and ``args`` has one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


class UnpicklableError(Exception):
    """An exception that cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class Unshowable(Exception):
    """An exception that cannot be pickled and whose `str` fails."""

    def __reduce__(self) -> Any:
        raise ValueError("not pickled")

    def __str__(self) -> str:
        raise ValueError("not shown")


class UnpicklesAsText(Exception):
    """An exception whose pickle is unpickled as a string."""

    def __reduce__(self) -> Any:
        return str, ("no exception",)


def raise_it(kind: str) -> None:
    """Raise an exception, chosen by its name, with a cause and a note."""
    exceptions: dict[str, BaseException] = {
        "ValueError": ValueError("the reason", 1),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "GeneratorExit": GeneratorExit("odd"),
        "UnloadableError": UnloadableError("one", "two"),
        "UnpicklableError": UnpicklableError("the text"),
        "Unshowable": Unshowable(),
        "UnpicklesAsText": UnpicklesAsText("the text"),
        "large": ValueError("x" * 3_000_000),
    }
    error = exceptions[kind]
    error.add_note("a note")
    raise error from LookupError("the cause")


def raise_after_release(address: str) -> None:
    """Wait to be released, and raise."""
    report_and_wait(address)
    raise ValueError("released")


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
    """Call *target* with standard error directed to standard output."""
    sys.stderr = sys.stdout
    target(broken)


def report_native_id(address: str) -> None:
    """Send the test the main thread's id, from `threading` and from the process object."""
    report(address, threading.get_native_id(), processing_core.current_process().native_id)


def report_failed_child(address: str, method: str) -> None:
    """Start a grandchild of the test that fails, and report what it raised."""
    process = processing_core.get_context(method).Process(target=fail, args=("of a grandchild",))
    process.start()
    process.join()
    report(address, repr(process.exception))


def fail_in_a_full_arena() -> None:
    """Use up the arena, and raise."""
    taken: list[lowlevel.Block] = []
    for size in (1 << 20, 1 << 12, 64):
        try:
            while True:
                taken.append(lowlevel.Block(size))
        except MemoryError:
            pass
    sys.stderr = None
    raise ValueError("x" * 10_000)


def exit_if_ignoring(signum: int) -> None:
    """End with 1 if this process ignores a signal, else with 0."""
    sys.exit(signal.getsignal(signum) is signal.SIG_IGN)


def die_holding(lock: Any) -> None:
    """Take a lock, and be killed."""
    lock.acquire()
    killing.kill(os.getpid())


def exit_unless_same_key(key: bytes) -> None:
    """End with 1 unless a key that was an argument is this process's."""
    sys.exit(key != processing_core.current_process().authkey)


def send_and_close(connection: Any, message: object) -> None:
    """Send one message through a connection that was an argument."""
    with connection:
        connection.send(message)
