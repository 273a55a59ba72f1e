from __future__ import annotations

from collections.abc import Iterator

import pytest

import processing_sync
from processing_core import lowlevel
from processing_testing.children.forking import fork as fork


@pytest.fixture(autouse=True)
def _a_sound_arena() -> Iterator[None]:
    """After every test the arena's invariants hold."""
    processing_sync.Lock()  # creates the family
    yield
    lowlevel.sweep()
    lowlevel.verify()
