"""``--share 1/4``: runs one of four parts of the selected tests; a test is in the same part each time."""

from __future__ import annotations

import zlib

import pytest

__all__ = ["part_of"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--share``."""
    parser.addoption("--share", type=_share, default=(1, 1), metavar="K/N", help="run the Kth of N parts of the tests")


def pytest_configure(config: pytest.Config) -> None:
    """Do nothing: this part has nothing to configure."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is in another part, unless it is marked as in every one."""
    part, parts = config.getoption("--share")
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        is_in = part_of(item.nodeid, parts) == part or item.get_closest_marker("every_part") is not None
        (chosen if is_in else others).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = chosen


def part_of(nodeid: str, parts: int) -> int:
    """The part, from 1 on, that a test is in; it depends on the test's name, not on which other tests there are."""
    return zlib.crc32(nodeid.encode()) % parts + 1


def _share(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise ValueError(f"a share is K/N with 1 <= K <= N, not {text!r}")
    return int(part), int(parts)
