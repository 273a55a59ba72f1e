"""The program of the process that a `ResourceTracker` starts; it imports next to nothing.

It reads lines ``COMMAND:name:type`` from a pipe, of which every process of the program holds the writing end.  At the
pipe's end they are all gone, and what is still registered is cleaned up.
"""

from __future__ import annotations

import os
import signal  # this package cannot be imported in the tracker's process, which runs this file alone
import sys
from collections.abc import Callable

__all__ = ["CLEANUP_FUNCTIONS", "IGNORED_SIGNALS", "main"]

IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""They are sent to whole groups of processes, and end others of the program."""

LEAKED, NOT_CLEANED, MISUSED = 1, 2, 3
"""Exit statuses, but 0; the highest that applies."""

_FOLDER = "/dev/shm/"


def _nothing(name: str) -> None:
    """What is of this type can leak without harm."""


def _unlink_shared_memory(name: str) -> None:
    os.unlink(_FOLDER + name.removeprefix("/"))


def _unlink_semaphore(name: str) -> None:
    os.unlink(f"{_FOLDER}sem.{name.removeprefix('/')}")


CLEANUP_FUNCTIONS: dict[str, Callable[[str], None]] = {
    "noop": _nothing,
    "dummy": _nothing,
    "semaphore": _unlink_semaphore,
    "shared_memory": _unlink_shared_memory,
}
"""What is to be done about a name that was left, by its type."""


def main(fd: int) -> None:
    """Run the tracker, and end this process by ``SystemExit``.

    Blocks until all processes that can write to the pipe are gone.

    :param fd: the reading end of the pipe.
    """
    sys.exit(_track(fd))


def _track(fd: int) -> int:
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)
    registered: dict[str, dict[str, None]] = {kind: {} for kind in CLEANUP_FUNCTIONS}
    status = 0
    with open(fd, "rb") as lines:
        for line in lines:
            status = max(status, _obey(line, registered))
    return max([status, *(_clean_up(kind, names) for kind, names in registered.items() if names)])


def on_one_line(name: bytes) -> bytes:
    """A name as it is written to the tracker: a backslash as two, a line break as a backslash and an ``n``."""
    return name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")


def _obey(line: bytes, registered: dict[str, dict[str, None]]) -> int:
    command, _, rest = os.fsdecode(line.removesuffix(b"\n")).partition(":")
    written, _, kind = rest.rpartition(":")
    name = "\\".join(part.replace("\\n", "\n") for part in written.split("\\\\"))
    if command not in ("REGISTER", "UNREGISTER", "PROBE") or kind not in registered:
        _say(f"{line!r} is not understood")
        return MISUSED
    if command == "REGISTER":
        registered[kind][name] = None
    elif command == "UNREGISTER":
        registered[kind].pop(name, None)
    return 0


def _clean_up(kind: str, names: dict[str, None]) -> int:
    if CLEANUP_FUNCTIONS[kind] is not _nothing:
        _say(f"There appear to be {len(names)} leaked {kind} objects to clean up at shutdown: {set(names)}")
    status = LEAKED
    for name in names:
        try:
            CLEANUP_FUNCTIONS[kind](name)
        except OSError as error:
            _say(f"{name!r}: {error}")
            status = NOT_CLEANED
    return status


def _say(text: str) -> None:
    try:
        print(f"resource_tracker: {text}", file=sys.stderr, flush=True)
    except (OSError, AttributeError):
        pass  # the reader of the program's stream is gone, or the program has closed it


if __name__ == "__main__":
    main(int(sys.argv[1]))
