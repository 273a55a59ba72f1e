"""Kill a process at every numbered step of the kernel, and again at every step of the recovery.

A *scenario* makes a small world of shared objects, lets a child act on it, and says what must be true after the child
was killed at any of its crash points and somebody recovered.  The package runs one scenario in a process of its own,
on the kernel with crash points: ``python -m processing_testing.crashing put --recoveries 3``.

After every round the kernel checks its own invariants: each count equals the references to its cell, each block is
owned once, nothing leaked.
"""

from __future__ import annotations

from processing_testing.crashing import (  # each registers its scenarios
    batches,
    cells,
    conditions,
    locks,
    members,
    piles,
    pipes,
    ring,
)
from processing_testing.crashing.scenario import SCENARIOS as SCENARIOS

_registered = (batches, cells, conditions, locks, members, piles, pipes, ring)
