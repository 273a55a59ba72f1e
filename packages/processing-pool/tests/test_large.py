"""Large arguments, which are sent once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from processing_core import BaseContext, lowlevel
from processing_pool import Pool
from processing_testing.children import pooling

numpy = pytest.importorskip("numpy")


def test_what_a_function_carries_is_sent_once_and_shared(context: BaseContext) -> None:
    """All workers refer to one copy, which none of them can change."""
    small, big = numpy.arange(100, dtype="f8"), numpy.arange(8_000_000, dtype="f8")
    with Pool(2, context=context) as pool:
        own = max(own for _, _, own in pool.map(partial(pooling.look_at, small), range(100), 1))
        before = lowlevel.stats()["used"]
        for chunksize in (None, 1):
            results = pool.map(partial(pooling.look_at, big), range(100), chunksize)
            assert [value for value, _, _ in results] == list(range(100))
            assert not any(writeable for _, writeable, _ in results)
            assert max(own for _, _, own in results) - own < big.nbytes // 2
        assert big.flags.writeable
        # The first map's function may still be among those that the workers keep.
        assert lowlevel.stats()["used"] - before < 2.5 * big.nbytes


WAYS: dict[str, Callable[..., Any]] = {
    "map, one by one": lambda pool, array: pool.map(pooling.add_one, [array] * 6, 1),
    "map, in batches": lambda pool, array: pool.map(pooling.add_one, [array] * 6, 3),
    "starmap": lambda pool, array: pool.starmap(pooling.add, [(array, 1)] * 6, 6),
    "imap": lambda pool, array: list(pool.imap(pooling.add_one, [array] * 6, 3)),
    "apply": lambda pool, array: [pool.apply(pooling.add, (array, 1)) for _ in range(6)],
    "submit": lambda pool, array: [
        future.result(30) for future in [pool.submit(pooling.add, array, 1) for _ in "123456"]
    ],
}


@pytest.mark.parametrize("way", WAYS)
def test_an_argument_is_each_tasks_own(pool: Pool, way: str) -> None:
    """Several tasks get the same array, sent in any way, and each may write to what it gets."""
    array = numpy.zeros(1_000_000)
    assert WAYS[way](pool, array) == [1.0] * 6
    assert not array.any()


def test_what_a_function_carries_cannot_be_written_to(pool: Pool) -> None:
    with pytest.raises(ValueError, match="read-only"):
        pool.map(partial(pooling.add, numpy.zeros(1_000_000)), range(6))
