"""Windows: a descriptor is a handle; one of a process is signalled from its death on."""

from __future__ import annotations

import _winapi
import msvcrt
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from processing_core._native import _kernel
from processing_core._platform import _windows_poller as _poller
from processing_core._threads import ThreadLock
from processing_core.annotations import TYPE_CHECKING, signal

if TYPE_CHECKING:
    import subprocess

assert sys.platform == "win32"  # for type checkers

__all__ = [
    "HUNG_UP",
    "KEEPS_NUMBERS",
    "READABLE",
    "SIGKILL",
    "WRITABLE",
    "Poller",
    "close",
    "exit_code_kept",
    "exit_code_of_zombie",
    "follow_main_thread",
    "is_child",
    "kill_newborn",
    "kill_when_hung_up",
    "memory_size",
    "open_ends",
    "open_process",
    "opened_handle",
    "reap",
    "register_at_fork",
    "drain",
    "interrupts_blocked",
    "ring",
    "unblock_interrupts",
    "yield_processor",
    "set_nonblocking",
    "set_title",
    "signal_process",
    "start_program",
    "umask_and_identity",
    "unused_address",
]

KEEPS_NUMBERS = True
"""Whether an inherited descriptor has the number in the child that it has in its parent, whatever that is."""

HUNG_UP, READABLE, WRITABLE, Poller = _poller.HUNG_UP, _poller.READABLE, _poller.WRITABLE, _poller.Poller

SIGKILL = 9
"""Ends a process, whatever it does; Windows has no such name."""

_BY_SIGNAL = 0x10000
"""With a signal's number added, the exit code of a process that was terminated in its place; alone, for SIGTERM,
as in multiprocessing."""

_INVALID_HANDLE = 6
_SHARE_WRITE = 2  # FILE_SHARE_WRITE

_CONSOLE_EVENTS: dict[int, int] = {signal.SIGINT: signal.CTRL_C_EVENT, signal.SIGBREAK: signal.CTRL_BREAK_EVENT}


close = _kernel.close_descriptor
"""Close a handle, or a socket."""


def opened_handle(path: str, flags: int, mode: int) -> int:
    """A handle of a file that is opened as by ``os.open``, whose number is the C library's, and no handle."""
    file = os.open(path, flags, mode)
    try:
        me = _winapi.GetCurrentProcess()
        return _winapi.DuplicateHandle(me, msvcrt.get_osfhandle(file), me, 0, False, _winapi.DUPLICATE_SAME_ACCESS)
    finally:
        os.close(file)


def open_ends() -> tuple[int, int]:
    """The ends of a new pipe, for reading and for writing."""
    return _kernel.doorbell_pair()


ring = _kernel.doorbell_ring
"""Write a byte into a pipe of `open_ends`, for a process that waits at its other end; does not block."""

drain = _kernel.doorbell_drain
"""Take the bytes that `ring` wrote."""


def set_nonblocking(writing: int) -> None:
    """Nothing: `ring` does not block."""


def yield_processor() -> None:
    """Let other threads run first."""
    time.sleep(0)


# -- Ctrl-C --


class _Starter(threading.local):
    starts_groups = False
    directory: str | None = None
    placeholder: int | None = None


_this_thread = _Starter()


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Have processes that this thread starts meanwhile not be interrupted by Ctrl-C, until they unblock it.

    To the system they are process groups of their own, which begin without Ctrl-C.
    """
    _this_thread.starts_groups = True
    try:
        yield
    finally:
        _this_thread.starts_groups = False


def unblock_interrupts() -> None:
    """In a child that was started with Ctrl-C blocked: let it arrive."""
    import ctypes  # here, for it takes a while

    if not ctypes.windll.kernel32.SetConsoleCtrlHandler(None, False):
        raise ctypes.WinError()


# -- processes --

_started: dict[int, int] = {}
"""Handles of processes that were started and not opened yet: as long as one is open, the pid stands for the process.
Changed by single operations of a dictionary."""


def open_process(pid: int) -> int:
    """A new handle of the process with this id.

    :raises ProcessLookupError: if it has ended.
    """
    started = _started.pop(pid, None)
    return _kernel.open_process(pid) if started is None else started


def _exit_code(process: int) -> int:
    code = _winapi.GetExitCodeProcess(process)
    if code == _BY_SIGNAL:
        return -signal.SIGTERM
    return _BY_SIGNAL - code if _BY_SIGNAL < code < _BY_SIGNAL + signal.NSIG else code


def is_child(process: int) -> bool:
    """Whether a handle is one of a process: Windows has no other that a parent collects."""
    return _winapi.GetExitCodeProcess(process) is not None


def exit_code_of_zombie(process: int) -> int:
    """The exit code of a dead process."""
    return _exit_code(process)


def exit_code_kept(process: int) -> int | None:
    """The exit code of a dead process, which the system keeps as long as the handle is open."""
    return _exit_code(process)


def kill_newborn(pid: int) -> None:
    """End a process that was just started."""
    process = open_process(pid)
    try:
        signal_process(process, SIGKILL)
    except ProcessLookupError:
        pass  # it has ended
    finally:
        close(process)


def register_at_fork(**functions: Callable[[], object]) -> None:
    """Nothing: there are no forks."""


def reap(process: int) -> None:
    """Nothing: there are no zombies."""


def signal_process(process: int, signum: int) -> None:
    """Terminate a process, by SIGTERM or SIGKILL, or interrupt all of this console's, by SIGINT or SIGBREAK.

    :raises ProcessLookupError: if it has ended.
    :raises ValueError: for other signals, which Windows does not have.
    """
    if signum in _CONSOLE_EVENTS:
        os.kill(0, _CONSOLE_EVENTS[signum])
        return
    if signum not in (signal.SIGTERM, SIGKILL):
        raise ValueError(f"signal {signum} cannot be sent on Windows")
    try:
        _winapi.TerminateProcess(process, _BY_SIGNAL + signum)
    except OSError as error:
        # It has ended; or the handle is `hung_up`'s, as it had ended before a handle of it could be opened.
        if error.winerror == _INVALID_HANDLE or _winapi.WaitForSingleObject(process, 0) == _winapi.WAIT_OBJECT_0:
            raise ProcessLookupError("the process has ended") from None
        raise


def kill_when_hung_up(descriptor: int) -> None:
    """Let the system end this process when the far end of a pipe closes."""
    _kernel.die_with(descriptor)


_starting = ThreadLock()
"""Held while handles are inheritable, so that no two starts pass on each other's."""


def start_program(command: Sequence[str], descriptors: Sequence[int], born: list[int]) -> None:
    """Start a program that inherits these handles and the standard streams, and no others.

    :param born: gets its pid; `open_process` gets a handle of it even if it has ended.
    :raises OSError: if the system refuses.
    """
    import subprocess  # here, for a child that starts nothing need not wait for ten modules

    startup = subprocess.STARTUPINFO()
    copies = _standard_streams(startup)
    startup.lpAttributeList = {"handle_list": [*descriptors, *copies]}
    try:
        with _starting:
            born.append(_start(command, descriptors, startup))
    finally:
        for handle in copies:
            _winapi.CloseHandle(handle)


def _start(command: Sequence[str], descriptors: Sequence[int], startup: subprocess.STARTUPINFO) -> int:
    import subprocess

    for handle in descriptors:
        os.set_handle_inheritable(handle, True)
    try:
        executable, environment = _interpreter(command[0])
        program = subprocess.Popen(
            [executable, *command[1:]],
            startupinfo=startup,
            env=environment,
            creationflags=_flags(),
            cwd=_this_thread.directory,
        )
    finally:
        for handle in descriptors:
            os.set_handle_inheritable(handle, False)
    program.returncode = 0  # so that `subprocess` does not wait for it
    _started[program.pid] = program._handle.Detach()  # type: ignore[attr-defined]
    return program.pid


def _flags() -> int:
    return _console_flag() | (_winapi.CREATE_NEW_PROCESS_GROUP if _this_thread.starts_groups else 0)


def _console_flag() -> int:
    """A child of a program that has no console, wherever that writes to, gets no window of its own."""
    try:
        console = _winapi.CreateFile("CONOUT$", _winapi.GENERIC_WRITE, _SHARE_WRITE, 0, _winapi.OPEN_EXISTING, 0, 0)
    except OSError:
        return _winapi.CREATE_NO_WINDOW
    _winapi.CloseHandle(console)
    return 0


def _interpreter(executable: str) -> tuple[str, dict[str, str] | None]:
    """The program and its environment: a virtual environment's python.exe only starts another, whose pid is needed."""
    base = getattr(sys, "_base_executable", None)
    if base is None or base == sys.executable or executable != sys.executable:
        return executable, None
    return base, {**os.environ, "__PYVENV_LAUNCHER__": sys.executable}


@contextmanager
def apart(placeholder: int) -> Iterator[None]:
    """Have programs that this thread starts meanwhile use no file and no pipe of this one's, and not its folder.

    As long as they run the program could not remove them, nor would a reader of its output see the end.

    :param placeholder: a pipe that they have instead of redirected streams, so that these are of the same kind.
    """
    _this_thread.directory, _this_thread.placeholder = os.environ.get("SYSTEMROOT"), placeholder
    try:
        yield
    finally:
        _this_thread.directory = _this_thread.placeholder = None


def surroundings() -> object:
    """What a program that is started now inherits from this process, to be compared; ``None`` if Ctrl-C is blocked."""
    if _this_thread.starts_groups:
        return None
    streams = [_winapi.GetStdHandle(number) for number in _STREAMS.values()]
    others = [None if _is_redirected(stream) else (stream, _kind(stream)) for stream in streams]
    return dict(os.environ), others, _console_flag()


def _is_redirected(handle: int | None) -> bool:
    return _kind(handle) in (_FILE, _PIPE)


def _kind(handle: int | None) -> int:
    try:
        return _winapi.GetFileType(handle or 0)
    except OSError:
        return -1


def streams_for(process: int) -> list[int]:
    """Copies of redirected output streams in another process, which was started `apart`; 0 for one that it has."""
    me, copies = _winapi.GetCurrentProcess(), []
    for number in (_winapi.STD_OUTPUT_HANDLE, _winapi.STD_ERROR_HANDLE):
        handle = _winapi.GetStdHandle(number)
        if _is_redirected(handle):
            copies.append(_winapi.DuplicateHandle(me, handle or 0, process, 0, False, _winapi.DUPLICATE_SAME_ACCESS))
        else:
            copies.append(0)
    return copies


def take_streams(copies: Sequence[int]) -> None:
    """In the other process: write into them from now on."""
    for number, copy in enumerate(copies, 1):
        if copy:
            file = msvcrt.open_osfhandle(copy, os.O_BINARY | os.O_WRONLY)
            os.dup2(file, number)
            os.close(file)


_FILE, _PIPE = 1, 3
"""Kinds of handles, by GetFileType."""


_STREAMS = {
    "hStdInput": _winapi.STD_INPUT_HANDLE,
    "hStdOutput": _winapi.STD_OUTPUT_HANDLE,
    "hStdError": _winapi.STD_ERROR_HANDLE,
}


def _standard_streams(startup: subprocess.STARTUPINFO) -> list[int]:
    """Inheritable copies of the standard streams' handles, of which ``startup`` is told."""
    startup.dwFlags |= _winapi.STARTF_USESTDHANDLES
    copies: list[int] = []
    for name, number in _STREAMS.items():
        handle = _winapi.GetStdHandle(number)
        if _this_thread.placeholder is not None and _is_redirected(handle):
            handle = _this_thread.placeholder
        copy = _inheritable_copy(handle)
        if copy is not None:
            setattr(startup, name, copy)
            copies.append(copy)
    return copies


def _inheritable_copy(handle: int | None) -> int | None:
    me = _winapi.GetCurrentProcess()
    try:
        return _winapi.DuplicateHandle(me, handle or 0, me, 0, True, _winapi.DUPLICATE_SAME_ACCESS)
    except OSError:
        return None  # the program has closed the stream, or never had it


# -- what other systems have --


def set_title(title: str) -> None:
    """Nothing: the system shows a process's program."""


def umask_and_identity(read: Callable[[str], bytes]) -> tuple[int | None, object]:
    """Nothing: children inherit both."""
    return None, None


def unused_address() -> bytes:
    """An address for a pipe that no other has."""
    return rf"\\.\pipe\processing-{os.urandom(16).hex()}".encode()


def follow_main_thread() -> None:
    """Nothing: the priority and the processors are the process's."""


class _MemoryStatus:
    """What GlobalMemoryStatusEx tells; asked once, by ctypes."""

    @staticmethod
    def total() -> int:
        import ctypes

        fields = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong), ("physical", ctypes.c_ulonglong)]
        kind = type("Status", (ctypes.Structure,), {"_fields_": [*fields, ("rest", ctypes.c_ulonglong * 6)]})
        status = kind()
        status.length = ctypes.sizeof(kind)
        if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            raise ctypes.WinError()
        return int(status.physical)


def memory_size() -> int:
    """The bytes of physical memory."""
    return _MemoryStatus.total()
