from __future__ import annotations

from collections.abc import Iterator

import pytest

import processing_core
from processing_testing.harness.rendezvous import Rendezvous


@pytest.fixture(params=processing_core.get_all_start_methods())
def method(request: pytest.FixtureRequest) -> str:
    """A start method's name."""
    return str(request.param)


@pytest.fixture
def context(method: str) -> processing_core.BaseContext:
    """A start method's context."""
    return processing_core.get_context(method)


@pytest.fixture
def rendezvous() -> Iterator[Rendezvous]:
    """A socket over which the test exchanges messages with its children."""
    with Rendezvous() as rendezvous:
        yield rendezvous
