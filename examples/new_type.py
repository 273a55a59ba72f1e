"""Types of one's own behind a manager: an object, a generator, and which methods a proxy offers.

python examples/new_type.py
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

from processing.managers import BaseManager, IteratorProxy


class Counter:
    """Lives in the manager's process; all others call it."""

    def __init__(self, start: int) -> None:
        self.value = start

    def increase(self, by: int = 1) -> int:
        """:return: the new value."""
        self.value += by
        return self.value

    def _forget(self) -> str:
        return "not offered unless it is named"


def squares(limit: int) -> Iterator[int]:
    """A generator, which stays in the manager's process."""
    yield from (number * number for number in range(limit))


class Office(BaseManager):
    """Offers counters, generators, and the module `operator`."""


Office.register("Counter", Counter)
Office.register("open_counter", Counter, exposed=("increase", "_forget"))
Office.register("squares", squares, proxytype=IteratorProxy)
Office.register("operator", lambda: operator, exposed=("add", "mul"))


def main() -> None:
    """Use each type once."""
    with Office() as office:
        made: Any = office
        counter = made.Counter(5)
        counter.increase()
        print(counter.increase(10), made.open_counter(0)._forget())
        print(list(made.squares(6)))
        print(made.operator().mul(6, 7))


if __name__ == "__main__":
    main()
