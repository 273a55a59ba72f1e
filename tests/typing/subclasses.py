"""A user's classes, derived from ours, with parameters of their own."""

from __future__ import annotations

from typing import assert_type

import processing
from processing import managers, synchronize


class Named(processing.Queue[int]):
    """A queue with a name."""

    def __init__(self, name: str, maxsize: int = 0) -> None:
        super().__init__(maxsize, ctx=processing.get_context())
        self.name = name


class Gate(synchronize.Barrier):
    """A barrier with a name."""

    def __init__(self, name: str, parties: int) -> None:
        super().__init__(parties, ctx=processing.get_context())
        self.name = name


class Permits(synchronize.Semaphore):
    """A semaphore with a name."""

    def __init__(self, name: str) -> None:
        super().__init__(2)
        self.name = name


class Manager(managers.SyncManager):
    """A manager with a name."""

    def __init__(self, name: str) -> None:
        super().__init__(ctx=processing.get_context("spawn"))
        self.name = name


assert_type(Named("jobs", 3).get(), int)
assert_type(Named("jobs").name, str)
assert_type(Gate("start", 2).wait(), int)
assert_type(Permits("doors").locked(), bool)
assert_type(Manager("stock").list([1])[0], int)
