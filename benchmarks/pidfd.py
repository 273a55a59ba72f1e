"""A helper that opens pidfds for processes under a valgrind that does not know how: see pidfd.c."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Self

SOURCE = Path(__file__).with_name("pidfd.c")
REQUEST = struct.Struct("iii")
ANSWER = struct.Struct("i")
PIDFD_SEND_SIGNAL = 424


class PidfdHelper:
    """Compiles the library to preload and answers it, in a thread of this process.

    :raises OSError, subprocess.CalledProcessError: if there is no C compiler, or if it refuses.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pidfd-"))
        library = self._folder / "pidfd.so"
        compiler = os.environ.get("CC", "gcc").split()
        command = [*compiler, "-O2", "-fPIC", "-shared", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(self._folder / "socket"))
        self._listener.listen(64)
        self.variables = {"LD_PRELOAD": str(library), "BENCHMARKS_PIDFD": str(self._folder / "socket")}
        """For the environment of the processes that are to use it."""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join()
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if error.errno == errno.EINVAL:  # it was shut down
                    return
                raise
            with connection:
                _answer(connection)


def _answer(connection: socket.socket) -> None:
    bytes_, received, _, _ = socket.recv_fds(connection, REQUEST.size, 1)
    opened: list[int] = []
    code = 0
    try:
        call, pid, number = REQUEST.unpack(bytes_)
        if call == PIDFD_SEND_SIGNAL:
            signal.pidfd_send_signal(received[0], number)
        else:
            opened.append(os.pidfd_open(pid))
    except OSError as error:
        code = error.errno or errno.EINVAL
    try:
        socket.send_fds(connection, [ANSWER.pack(code)], opened)
    except OSError:
        pass  # the process that asked has died
    finally:
        for fd in [*opened, *received]:
            os.close(fd)
