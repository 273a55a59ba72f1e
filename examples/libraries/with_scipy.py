"""scipy's differential evolution evaluates its population on a pool, by ``workers=pool.map``."""

from __future__ import annotations

import numpy
from scipy.optimize import differential_evolution

import processing


def rosenbrock(x: numpy.ndarray) -> float:
    """Zero at (1, 1, 1), and nowhere else."""
    return float(sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def main() -> None:
    """Find the minimum."""
    with processing.Pool(2) as pool:
        found = differential_evolution(
            rosenbrock, [(-2, 2)] * 3, workers=pool.map, updating="deferred", rng=1, maxiter=60, polish=False
        )
    print("near the minimum" if numpy.allclose(found.x, 1, atol=0.1) else f"lost: {found}")


if __name__ == "__main__":
    main()
