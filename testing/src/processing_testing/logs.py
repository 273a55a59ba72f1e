"""What the project's log says."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from processing_core import SUBWARNING, get_logger


@pytest.fixture
def refusals() -> Iterator[list[str]]:
    """What the project's log says meanwhile: warnings, such as those of who was refused."""
    said: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    handler, logger = Handler(), get_logger()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(SUBWARNING)
    yield said
    logger.removeHandler(handler)
    logger.setLevel(level)
