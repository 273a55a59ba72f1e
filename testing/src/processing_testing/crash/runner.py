"""Runs a scenario, round by round."""

from __future__ import annotations

import gc
import importlib
import mmap
import os
import pickle
import random
import signal
import struct
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from processing_testing.crash.scenario import SCENARIOS

ARENA_LIMIT = 64 << 20


def load_crash_kernel() -> Any:
    """Load the kernel with crash points instead of the plain kernel, which must not be loaded in this process."""
    kernel = importlib.import_module("processing_testing._crash_kernel")
    package = types.ModuleType("processing_core")
    package.__path__ = []
    sys.modules["processing_core"] = package
    sys.modules["processing_core._kernel"] = kernel
    kernel.set_pickler(pickle_out_of_band, pickle.loads)
    os.register_at_fork(
        before=kernel.fork_before, after_in_parent=kernel.fork_in_parent, after_in_child=kernel.fork_in_child
    )
    return kernel


def pickle_out_of_band(value: object) -> tuple[list[bytes], list[pickle.PickleBuffer]]:
    """Pickle with every buffer in a block of its own, however small."""
    buffers: list[pickle.PickleBuffer] = []
    return [pickle.dumps(value, 5, buffer_callback=buffers.append)], buffers


def forked(body: Callable[[], None]) -> int:
    """Run *body* in a child and return the child's wait status."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        except BaseException:  # the child must end here, whatever happened
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def killed(status: int) -> bool:
    """Whether a child died at its crash point; it must otherwise have ended well."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert status == 0, f"the child failed with wait status {status}"
    return False


class CrashRunner:
    """Runs one scenario, round by round."""

    def __init__(self, kernel: Any, name: str) -> None:
        self.k = kernel
        self.scenario = SCENARIOS[name](kernel)
        self.steps = mmap.mmap(-1, 8)

    def round(self, step: int, recovery_step: int) -> bool:
        """Kill the child at *step* (0: never), and a first recoverer at *recovery_step*.

        :return: whether the child reached its step.
        """
        died = self._round(self.scenario.prepare(), step, recovery_step)
        gc.collect()
        self.k.verify()
        return died

    def _round(self, world: Any, step: int, recovery_step: int) -> bool:
        died = killed(forked(lambda: self._act(world, step)))
        if recovery_step:
            self.recovered_early = not killed(forked(lambda: self._recover(recovery_step)))
        self.k.sweep()
        self.scenario.verify(world)
        return died

    def _act(self, world: Any, step: int) -> None:
        self.k.crash_at(step)
        self.scenario.act(world)
        self.steps[:8] = struct.pack("q", self.k.crash_at(0))

    def _recover(self, step: int) -> None:
        self.k.crash_at(step)
        self.k.sweep()

    def count(self) -> int:
        """How many crash points the scenario passes."""
        self.round(0, 0)
        return int(struct.unpack("q", self.steps[:8])[0])

    def run(self, steps: int, recoveries: int, chance: random.Random) -> tuple[int, int]:
        """All steps, or as many as *steps* spread over them; for each, *recoveries* steps of the recovery (0: all).

        :return: how many rounds, and how many of them killed a recoverer too.
        """
        total, rounds, twice = self.count(), 0, 0
        for step in spread(total, steps, chance):
            rounds += self.round(step, 0)
            for again in self._recovery_steps(recoveries, chance):
                self.round(step, again)
                rounds += 1
                if self.recovered_early:
                    break
                twice += 1
        return rounds, twice

    @staticmethod
    def _recovery_steps(recoveries: int, chance: random.Random) -> Iterator[int]:
        if recoveries:
            yield from sorted(chance.sample(range(1, 200), recoveries))
            return
        step = 1
        while True:
            yield step
            step += 1


def spread(total: int, most: int, chance: random.Random) -> list[int]:
    """All of 1..total, or at most *most* of them at random."""
    everything = range(1, total + 1)
    return list(everything) if total <= most or not most else sorted(chance.sample(everything, most))
