"""Whether a row has become slower: by its times, by the noise of the same run, and by its instructions.

Three sides are measured: the build of today, the build of a revision, and that revision's build installed once more.
The last two are the same program, so the difference between their times is noise. All functions here are pure.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SLOWER = "SLOWER"
NOT_CONFIRMED = "not confirmed"
MORE_INSTRUCTIONS = "more instructions"
AS_FAST = "as fast"
FASTER = "faster"

NOISY = 0.1
"""Counts of the same build that differ by more than this share say nothing: its processes spin."""


@dataclass(frozen=True)
class Comparison:
    """Today's build against a revision's.

    :param ratio: how many times today's time is the revision's.
    :param spread: by which share the revision's two copies differ.
    """

    ratio: float
    spread: float

    def undecided(self, limit: float) -> bool:
        """Whether times alone do not show that the row is within *limit* (a share)."""
        return self.ratio > 1 + limit or self.spread > limit


def compare(today: Sequence[float], then: Sequence[float], again: Sequence[float]) -> Comparison:
    """Compare the measurements of each round with each other, so that a machine that slows down slows all of them.

    :param today: seconds for an operation, a number each round.
    :param then: of the revision's build.
    :param again: of its copy.
    :raises ValueError: if the numbers of rounds differ, or are zero.
    """
    if not len(today) == len(then) == len(again) or not today:
        raise ValueError(f"as many rounds of each side are needed, not {len(today)}, {len(then)} and {len(again)}")
    ours = [math.log(a) - (math.log(b) + math.log(c)) / 2 for a, b, c in zip(today, then, again, strict=True)]
    noise = [math.log(c) - math.log(b) for b, c in zip(then, again, strict=True)]
    return Comparison(math.exp(statistics.median(ours)), math.expm1(_spread(noise)))


def _spread(noise: Sequence[float]) -> float:
    """How far the median of *noise* is from zero, or twice its standard error if that is more.

    Two copies may agree by chance; the standard error prevents that such a run counts as quiet. It is taken from the
    median absolute deviation (times 1.4826, a normal distribution's standard deviation; times 1.2533 for a median).
    """
    middle = statistics.median(noise)
    deviation = 1.4826 * statistics.median(abs(value - middle) for value in noise)
    return max(abs(middle), 2 * 1.2533 * deviation / math.sqrt(len(noise)))


def compare_counts(today: float, then: float, again: float) -> Comparison | None:
    """Compare instructions for an operation; `None` where those of the same build differ too much to say anything."""
    if min(today, then, again) <= 0:
        return None
    counts = compare([today], [then], [again])
    return counts if counts.spread <= NOISY else None


def verdict(times: Comparison, counts: Comparison | None, limit: float) -> str:
    """The verdict on a row.

    :param counts: of its instructions; `None` if there are none that say anything, and then times decide alone.
    :param limit: the share by which a row may become slower.
    """
    allowed = max(limit, times.spread)
    more = counts is not None and counts.ratio > 1 + max(limit, counts.spread)
    if times.ratio > 1 + allowed:
        return SLOWER if more or counts is None else NOT_CONFIRMED
    if more:
        return MORE_INSTRUCTIONS
    return FASTER if times.ratio < 1 / (1 + allowed) else AS_FAST
