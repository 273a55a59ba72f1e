from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import processing_core
from processing_testing.children.forking import fork as fork
from processing_testing.children.managed import Bank
from processing_testing.harness.logs import refusals as refusals
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


@pytest.fixture
def serving() -> Iterator[Any]:
    """A manager's server in a thread of this process."""
    server = Bank(("localhost", 0), b"key").get_server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.stop_event.set()
    thread.join()
