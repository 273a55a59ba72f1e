"""The tests of CPython that need not pass, each with the reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from processing_testing.cpython.running import Outcome

FILE = Path(__file__).with_name("exclusions.toml")


@dataclass(frozen=True)
class Exclusion:
    """Tests whose ``Class.test`` matches a pattern, and why a user would accept that they fail.

    :param test: a regular expression.
    :param reason: what differs, and why.
    :param optional: whether the tests fail on some interpreters or start methods only.
    """

    test: str
    reason: str
    optional: bool = False

    def covers(self, outcome: Outcome) -> bool:
        return re.fullmatch(self.test, f"{outcome.case.name}.{outcome.test}") is not None


class Exclusions:
    """All exclusions."""

    def __init__(self, entries: list[Exclusion]) -> None:
        self.entries = entries

    @classmethod
    def read(cls) -> Exclusions:
        """Read ``exclusions.toml``."""
        return cls([Exclusion(**entry) for entry in tomllib.loads(FILE.read_text()).get("exclusion", [])])

    def covers(self, outcome: Outcome) -> bool:
        """Whether a test may fail."""
        return any(entry.covers(outcome) for entry in self.entries)

    def idle(self, outcomes: Iterable[Outcome]) -> list[Exclusion]:
        """The exclusions that are not needed: their tests were run, and all passed or were skipped.

        An interpreter need not have every test.
        """
        found = list(outcomes)
        return [entry for entry in self.entries if not entry.optional and self._is_idle(entry, found)]

    @staticmethod
    def _is_idle(entry: Exclusion, outcomes: list[Outcome]) -> bool:
        covered = [outcome for outcome in outcomes if entry.covers(outcome)]
        return bool(covered) and not any(outcome.is_bad for outcome in covered)
