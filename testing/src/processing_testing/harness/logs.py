"""Captures messages of the project's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from processing_core import SUBWARNING, get_logger


@pytest.fixture
def refusals() -> Iterator[list[str]]:
    """Messages that the project logs during the test: warnings, such as those of connections that were refused."""
    messages: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler, logger = Handler(), get_logger()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(SUBWARNING)
    yield messages
    logger.removeHandler(handler)
    logger.setLevel(level)
