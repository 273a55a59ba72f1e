"""The kernel counts what it returns, whatever headers it was built with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from processing_core import lowlevel

TIMES = 300


# From 3.12 on they are immortal: the interpreter leaves their counts alone, extensions for 3.11 do not, and both may.
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the counts of immortal objects say nothing")
@pytest.mark.parametrize("singleton", [None, True, False, NotImplemented], ids=repr)
@pytest.mark.parametrize("use", [
    lambda lock: lock.release() if lock.acquire() else None,
    lambda lock: lock.locked(),
    lambda lock: lock == lock,
    lambda lock: lock == 3,
    lambda lock: lock.acquire(False) or lock.acquire(False),
])  # fmt: skip
def test_singletons(use: Callable[[Any], object], singleton: object) -> None:
    lock = lowlevel.Lock()
    use(lock)
    before = sys.getrefcount(singleton)
    for _ in range(TIMES):
        use(lock)
    assert abs(sys.getrefcount(singleton) - before) < TIMES // 2
