"""Large arguments, which are sent once."""

from __future__ import annotations

from functools import partial

import pytest

from processing_core import BaseContext, lowlevel
from processing_pool import Pool
from processing_testing import pooling

numpy = pytest.importorskip("numpy")


def test_what_a_function_carries_is_sent_once_and_shared(context: BaseContext) -> None:
    """Each worker stands on the one copy, which none of them can change."""
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
