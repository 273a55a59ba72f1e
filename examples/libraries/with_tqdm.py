"""tqdm shows how far a pool is."""

from __future__ import annotations

import io

from tqdm import tqdm

import processing


def cube(number: int) -> int:
    """*number* to the third power."""
    return number**3


def main() -> None:
    """Count along; the bar goes to a string."""
    shown = io.StringIO()
    with processing.Pool(2) as pool:
        total = sum(tqdm(pool.imap_unordered(cube, range(1000), chunksize=10), total=1000, file=shown))
    print(total, "100%" in shown.getvalue())


if __name__ == "__main__":
    main()
