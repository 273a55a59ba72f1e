"""emcee draws samples of a distribution, with the probabilities from a pool."""

from __future__ import annotations

import emcee
import numpy

import processing

WALKERS, DIMENSIONS, STEPS = 16, 2, 120


def log_probability(x: numpy.ndarray) -> float:
    """A normal distribution around 3."""
    return float(-0.5 * numpy.sum((x - 3.0) ** 2))


def main() -> None:
    """Draw, and look at the mean."""
    start = 3 + numpy.random.default_rng(1).normal(size=(WALKERS, DIMENSIONS))
    with processing.Pool(2) as pool:
        sampler = emcee.EnsembleSampler(WALKERS, DIMENSIONS, log_probability, pool=pool)
        sampler.run_mcmc(start, STEPS)
    mean = sampler.get_chain(discard=50, flat=True).mean(axis=0)
    print("around 3" if numpy.allclose(mean, 3, atol=0.5) else f"lost: {mean}")


if __name__ == "__main__":
    main()
