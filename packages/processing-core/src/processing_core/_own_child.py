"""Running a program as a child that only the caller waits for."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from processing_core.annotations import Any

__all__ = ["run"]


def run(command: Sequence[Any], **options: Any) -> int:
    """Run a program; it is the caller's to wait for.  Does not block.

    If a signal handler raises before this returns, the program is killed and waited for, because the caller has no
    handle of it.

    :param options: those of ``subprocess.Popen``.
    :return: its process id.
    :raises OSError: if the system refuses.
    """
    program = _program()(command, **options)
    program.returncode = 0  # so that `subprocess` does not wait for it
    pid: int = program.pid
    return pid


@functools.cache
def _program() -> Any:
    import subprocess  # here, for its import takes 3 ms, and a process that starts nothing needs it not

    class Program(subprocess.Popen[Any]):
        def __del__(self) -> None:
            if getattr(self, "pid", None) is not None and self.returncode is None:
                self.kill()
                self.wait()

    return Program
