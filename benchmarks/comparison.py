"""What is compared: a row has sides, and each side does the same thing by another library.

A side is a function of ``n`` that does something ``n`` times and returns the seconds it took, without the time to make
ready. Each measurement runs in a process of its own, so that no library is affected by what another left behind
(imported modules, threads, a grown heap), and so that a library that hangs is ended at a time limit.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

Measure = Callable[[int], float]


@dataclass(frozen=True)
class Peer:
    """Another library's way to do what the row measures.

    :param name: as the table shows it.
    :param measure: the side.
    :param floor: how many times faster than this ours must be; `None` where nothing was promised.
    :param aim: how many times faster it should be.
    :param requires: the module that must be installed; without it the peer is reported as absent.
    """

    name: str
    measure: Measure
    floor: float | None = None
    aim: float | None = None
    requires: str | None = None

    @property
    def installed(self) -> bool:
        return self.requires is None or importlib.util.find_spec(self.requires) is not None


@dataclass(frozen=True)
class Row:
    """One line of the table.

    :param name: for the command line.
    :param what: in words.
    :param unit: what one operation is.
    :param ours: the side of `processing`.
    :param peers: the other sides.
    :param first: the number of operations to begin with; it is raised until a measurement takes long enough.
    :param measures: what the sides return, ``seconds`` or ``bytes``.
    """

    name: str
    what: str
    unit: str
    ours: Measure
    peers: tuple[Peer, ...]
    first: int = 1
    measures: str = "seconds"

    def side(self, name: str) -> Measure:
        """The function behind a side's name."""
        return {OURS: self.ours, **{peer.name: peer.measure for peer in self.peers}}[name]


OURS = "processing"


def calibrate(measure: Measure, first: int, seconds: float) -> tuple[int, float]:
    """Measure with more and more operations, until it takes *seconds*; the earlier measurements warm up.

    :return: the number of operations, and seconds for each.
    """
    n = first
    while True:
        taken = measure(n)
        if taken >= seconds:
            return n, taken / n
        # The number grows as `timeit` raises it, but the last step aims at the goal.
        n = max(2 * n, min(10 * n, int(1.2 * n * seconds / max(taken, 1e-9))))
