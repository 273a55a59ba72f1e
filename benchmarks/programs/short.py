"""A short program: ten items by a pool of two workers, with `processing` or with ``multiprocessing``.

python short.py (processing | fork | forkserver | spawn)
"""

from __future__ import annotations

import sys
from typing import Any


def square(number: int) -> int:
    return number * number


def main(side: str) -> None:
    """Do the work."""
    library: Any
    if side == "processing":
        import processing as library
    else:
        import multiprocessing

        library = multiprocessing.get_context(side)
    with library.Pool(2) as pool:
        assert pool.map(square, range(10)) == [number * number for number in range(10)]


if __name__ == "__main__":
    main(sys.argv[1])
