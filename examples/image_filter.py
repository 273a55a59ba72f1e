"""A filter over an image in shared memory: each worker smooths some rows, and nothing is copied between processes.

python examples/image_filter.py

Needs NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import processing

HEIGHT, WIDTH, ROWS = 600, 800, 50


def smooth(source: processing.SharedArray[Any], target: processing.SharedArray[Any], first: int) -> None:
    """Write the mean of each pixel's 3 by 3 neighbourhood, for some rows.

    :param source: shape (HEIGHT, WIDTH), float64, 0 to 1.
    :param target: likewise.
    """
    last = min(first + ROWS, HEIGHT)
    padded = np.pad(source.array, 1, mode="edge")[first : last + 2]
    rows = last - first
    shifts = [padded[down : down + rows, right : right + WIDTH] for down in range(3) for right in range(3)]
    target.array[first:last] = sum(shifts) / 9


def main() -> None:
    """Smooth a random image, and print how even it has become."""
    source, target = processing.SharedArray((HEIGHT, WIDTH)), processing.SharedArray((HEIGHT, WIDTH))
    source.array[:] = np.random.default_rng(1).random((HEIGHT, WIDTH))
    with processing.Pool() as pool:
        pool.starmap(smooth, [(source, target, first) for first in range(0, HEIGHT, ROWS)])
    print(f"deviation {source.array.std():.3f} before, {target.array.std():.3f} after")


if __name__ == "__main__":
    main()
