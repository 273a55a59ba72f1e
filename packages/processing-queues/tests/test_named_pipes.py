"""Windows' named pipes: an exception of a signal handler leaves no handle open, and none is lost."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from processing_testing.harness.interruption_cases import Case, interrupt_everywhere

if sys.platform != "win32":
    pytest.skip("the system has no named pipes of this kind", allow_module_level=True)


def is_open(handle: int) -> bool:
    import _winapi

    try:
        _winapi.GetFileType(handle)
    except OSError:
        return False
    return True


def test_a_close_that_is_interrupted_is_done_by_the_next() -> None:
    from processing_queues._platform._windows_pipes import PipeSocket

    made: list[Any] = []
    handles: list[int] = []

    def call() -> None:
        made.append(PipeSocket())
        made[-1].bind(None)
        made[-1].listen(2)
        handles.extend(handle for handle, _ in made[-1]._listening)
        made[-1].close()

    def check() -> None:
        made[-1].close()
        assert not any(map(is_open, handles))
        handles.clear()

    interrupt_everywhere(lambda: Case(call, check, least=5), 1000)
