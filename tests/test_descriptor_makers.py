"""No module makes a descriptor by itself: those of the project are no standard stream's, and name the limit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("packages/*/src/**/*.py"))
KERNEL = [path for path in sorted(ROOT.glob("packages/processing-core/kernel/**/*.c")) if path.parent.name != "tests"]

MAKERS = {
    "os.dup",
    "os.eventfd",
    "os.fdopen",
    "os.memfd_create",
    "os.open",
    "os.openpty",
    "os.pidfd_open",
    "open_process",
    "os.pipe",
    "os.pipe2",
    "os.timerfd_create",
    "_socket.socket",
    "_socket.socketpair",
    "socket.create_connection",
    "socket.create_server",
    "socket.fromfd",
    "socket.recv_fds",
    "socket.socket",
    "socket.socketpair",
    "fcntl.fcntl",
    "open",
    "io.open",
    "io.open_code",
    "accept",
    "recvmsg",
    "mmap.mmap",
    "selectors.DefaultSelector",
    "select.epoll",
    "subprocess.Popen",
    "tempfile.mkdtemp",
    "tempfile.gettempdir",
}
"""Calls that return something with a new descriptor, or take one for a moment."""

ALLOWED = {
    # The mechanism itself.
    ("processing_core/_fds/descriptors.py", "os.open"): "moved, and the limit named",
    ("processing_core/_fds/descriptors.py", "open_process"): "moved, and the limit named",
    ("processing_core/_fds/descriptors.py", "_socket.socket"): "borrows a descriptor that is there already",
    ("processing_core/_fds/sockets.py", "socket.socket"): "moved, and the limit named",
    ("processing_core/_fds/pairs.py", "_socket.socket"): "takes over a descriptor that was moved",
    ("processing_core/_fds/shared_sockets.py", "_socket.socket"): "Windows: no handle is a standard stream's",
    ("processing_core/_platform/_windows_set.py", "socket.socketpair"): "Windows: no handle is a standard stream's",
    ("processing_core/_fds/pairs.py", "_socket.socketpair"): "moved, and the limit named",
    ("processing_core/_platform/_scm_rights.py", "recvmsg"): "what arrives is moved; the receivers tell what did not",
    ("processing_queues/_handshake_start.py", "socket.socket"): "moved, and the limit named",
    ("processing_queues/_handshake_start.py", "_socket.socket"): "its `detach` makes none",
    ("processing_queues/_listener.py", "accept"): "the listener's own method",
    ("processing_queues/_pending_connections.py", "accept"): "moved, and the limit named",
    # Calls that take over a descriptor that was moved already.
    ("processing_core/_fds/inherited.py", "_socket.socket"): "takes over the end that the child inherited",
    ("processing_core/_start/_server.py", "_socket.socket"): "takes over what the client sent, which was moved",
    ("processing_core/_bootstrap.py", "open"): "takes over the number of /dev/null",
    # In a process of its own, which has its own standard streams and starts no process.
    ("processing_managers/_platform/_reaper.py", "accept"): "answered and closed at once",
    ("processing_core/_tracking_process.py", "open"): "takes over the pipe that it was started with",
    # Calls that open no descriptor.
    ("processing_core/_platform/_linux.py", "fcntl.fcntl"): "sets flags",
    # Files that are closed at once; if opening one may fail, the start around it names the limit.
    ("processing_core/_guarded.py", "io.open_code"): "reads the program's file, and does without it",
    ("processing_core/_main_module.py", "io.open_code"): "reads the program's file",
    ("processing_pool/_platform/_linux.py", "open"): "reads what /proc and control groups say, and does without it",
    ("processing_core/_platform/_linux.py", "open"): "writes a worker's title below /proc, and does without it",
    ("processing_core/_main_imports.py", "io.open_code"): "reads the program's file; the import fails without it",
    ("processing_core/util.py", "tempfile.mkdtemp"): "opens none",
    ("processing_pool/_backends/shipping.py", "open"): "reads a module's source, and does without it",
    ("processing_pool/_backends/dask_cluster.py", "socket.create_connection"): "closed at once",
    ("processing_core/_introspection/processes.py", "open"): "reads files of /proc, and does without them",
    ("processing_core/_trace_files.py", "open"): "reads and writes a trace, at its end",
    ("processing_core/_log_forwarding.py", "os.memfd_create"): "moved; the child does without it",
    # Windows, where no handle is a standard stream's, and the system has millions of them.
    ("processing_core/_platform/_windows_sockets.py", "_socket.socket"): "borrows a socket that is there already",
    ("processing_core/_platform/_windows.py", "subprocess.Popen"): "starts a child, and passes the handle on",
    ("processing_core/_platform/_windows.py", "open_process"): "closed at once, or passed on",
    ("processing_core/_platform/_windows.py", "os.open"): "closed at once; the caller names the limit",
    ("processing_core/_platform/_windows_code.py", "mmap.mmap"): "no process inherits it",
    ("processing_managers/_platform/_windows.py", "mmap.mmap"): "no process inherits it",
    # Objects of other libraries, which no process inherits.
    (
        "processing_managers/_shared/shared_memory.py",
        "mmap.mmap",
    ): "no process inherits its copy; the caller names the limit",
    ("processing_queues/_addresses.py", "tempfile.gettempdir"): "closes its file at once; the caller names the limit",
    ("processing_queues/_addresses.py", "tempfile.mkdtemp"): "opens none",
    # The reaper is a program of its own that imports nothing of ours.
    ("processing_managers/_platform/_reaper.py", "os.open"): "in the reaper, which has all standard streams",
    ("processing_managers/_platform/_reaper.py", "socket.socket"): "moved",
    ("processing_managers/_platform/_reaper.py", "fcntl.fcntl"): "moves",
    (
        "processing_managers/_platform/_files.py",
        "os.open",
    ): "closed at once; a failure leaves the file for the next sweep",
    ("processing_core/_platform/_posix_messages.py", "recvmsg"): "moved by `descriptors_in`",
    ("processing_core/_platform/_posix.py", "os.open"): "the folder, locked for a moment at this process's end",
    ("processing_core/_platform/_posix.py", "_socket.socket"): "asks at this process's end, closed at once",
    ("processing_managers/_platform/_linux.py", "fcntl.fcntl"): "copies for the reaper, above what that has",
}

KERNEL_MAKERS = re.compile(
    r"(?<![\w.>])(SYS_memfd_create|shm_open|kqueue|open|openat|opendir|fopen|dup|dup2|dup3|pipe|pipe2|socket|socketpair|accept4?|eventfd"
    r"|epoll_create1?|signalfd|timerfd_create|recvmsg|SYS_pidfd_open|F_DUPFD\w*)\b\s*[(,]"
)

ALLOWED_IN_KERNEL = {
    ("posix/descriptor.c", "F_DUPFD_CLOEXEC"): "the mechanism itself: copies above the standard streams",
    ("posix/sockets.c", "pipe"): "moved by `platform_doorbell_make`",
    ("posix/sockets.c", "recvmsg"): "what arrives is moved by `platform_message_receive`",
    ("posix/sockets.c", "socket"): "moved where it stays; the others are closed at once",
    ("posix/sockets.c", "socketpair"): "moved by `platform_channel_make`",
    ("posix/shared_object.c", "shm_open"): "moved",
    ("posix/socket_file.c", "open"): "the folder, locked for a moment",
    ("linux/sockets.c", "pipe2"): "moved by `platform_doorbell_make`",
    ("linux/sockets.c", "recvmsg"): "what arrives is moved by `platform_message_receive`",
    ("linux/sockets.c", "socket"): "moved where it stays; the others are closed at once",
    ("linux/sockets.c", "socketpair"): "moved by `platform_channel_make`",
    ("macos/process.c", "kqueue"): "moved",
    ("linux/doorbell.c", "open"): "an end of a pipe, for one byte, closed at once",
    ("linux/liveness.c", "open"): "moved",
    ("linux/liveness.c", "socket"): "moved where it stays; the other only asks, and is closed at once",
    ("linux/memory.c", "SYS_memfd_create"): "moved",
    ("linux/memory.c", "open"): "the caller moves what stays open; the others are closed at once",
    ("linux/memory.c", "fopen"): "reads /proc, closed at once",
    ("linux/memory.c", "opendir"): "reads /proc, closed at once",
    ("linux/observer.c", "socket"): "moved where it stays; the caller's is closed at once, and only sends",
    ("linux/process.c", "open"): "a file of /proc, closed at once",
    ("linux/process.c", "SYS_pidfd_open"): "moved where it stays; the other is closed at once",
}


def calls(path: Path) -> Iterator[str]:
    """What is called there, by name, and what is passed on to be called, as by `map`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            for called in (node.func, *node.args):
                name = ast.unparse(called)
                yield name.rpartition(".")[2] if name.endswith((".accept", ".recvmsg")) else name


def test_the_packages() -> None:
    found = set()
    for path in SOURCES:
        if "_commands" not in path.relative_to(ROOT).parts:  # a program of its own
            place = path.as_posix().rpartition("/src/")[2]
            found |= {(place, call) for call in calls(path) if call in MAKERS and _makes_one(place, call)}
    assert found - ALLOWED.keys() == set(), "use `processing_core._fds.descriptors`, or say here why not"
    assert ALLOWED.keys() - found == set(), "nothing there does so any more"


def _makes_one(place: str, call: str) -> bool:
    """Whether a call opens a descriptor: some functions of our own have the same name as one that does."""
    return (place, call) not in {
        ("processing_managers/_server/server.py", "accept"),
        ("processing_managers/_client/request_channel.py", "open"),
    }


def test_the_kernel() -> None:
    found = set()
    for path in KERNEL:
        if path.parent.name == "windows":
            continue  # no handle is a standard stream's
        text = re.sub(r'/\*.*?\*/|"[^"\n]*"', "", path.read_text(), flags=re.DOTALL)
        found |= {(f"{path.parent.name}/{path.name}", match) for match in KERNEL_MAKERS.findall(text)}
    assert found - ALLOWED_IN_KERNEL.keys() == set(), "use `platform_descriptor_above_standard`, or say here why not"
    assert ALLOWED_IN_KERNEL.keys() - found == set(), "nothing there does so any more"


def test_the_kernel_names_the_limit() -> None:
    """Every error of the system that reaches a program is raised by `raise_errno`."""
    raising = {path.name for path in KERNEL if "PyErr_SetFromErrno" in path.read_text()}
    assert raising == {"errors.c"}


@pytest.mark.parametrize("text", ["os.dup(1)", "x = socket.socketpair()", "listening.accept()", "with open(p) as f: 0"])
def test_the_search_finds_them(text: str, tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text(text)
    assert MAKERS.intersection(calls(source))
