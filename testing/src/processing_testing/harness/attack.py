"""How many rounds an attack runs: a bounded number in every run, the full number in the `attack` session."""

from __future__ import annotations

import pytest

_full = False


def rounds(bounded: int, full: int) -> int:
    """How many rounds an attack runs now.

    :param bounded: the rounds of an ordinary run, a second or two of work.
    :param full: the rounds under ``--attack=full``.
    :return: one of the two.
    """
    return full if _full else bounded


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--attack``."""
    parser.getgroup("processing").addoption(
        "--attack",
        choices=["bounded", "full"],
        default="bounded",
        help="how many rounds the attacks run: a bounded share (the default) or the full counts",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Remember the choice before tests are collected, so that parameters may depend on it."""
    global _full
    _full = config.getoption("--attack") == "full"
