"""Kill a process at every numbered step of the kernel, and again at every step of the recovery.

A *scenario* creates a few shared objects, its *world*, lets a child act on them, and says what must be true after the
child was killed at any of its crash points and another process has recovered.  The package runs one scenario in a
process of its own, on the kernel with crash points: ``python -m processing_testing.crash put --recoveries 3``.

After every round the kernel checks its own invariants: each count equals the references to its cell, each block is
owned once, and nothing is leaked.
"""

from __future__ import annotations

from processing_testing.crash import (  # each registers its scenarios
    batches,
    cells,
    conditions,
    locks,
    members,
    pipes,
    priority_queues,
    ring,
)
from processing_testing.crash.scenario import SCENARIOS as SCENARIOS

_registered = (batches, cells, conditions, locks, members, pipes, priority_queues, ring)
