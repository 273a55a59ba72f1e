"""A progress bar over what worker processes do: `process_map`, as :mod:`tqdm.contrib.concurrent` has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import length_hint

from tqdm.auto import tqdm  # type: ignore[import-not-found, import-untyped, unused-ignore]

from processing_core.annotations import Any, TypeVar
from processing_pool import ProcessPoolExecutor

__all__ = ["process_map"]

R = TypeVar("R")


def process_map(
    fn: Callable[..., R],
    *iterables: Iterable[Any],
    max_workers: int | None = None,
    chunksize: int = 1,
    tqdm_class: Callable[..., Iterable[R]] = tqdm,
    **tqdm_kwargs: Any,
) -> list[R]:
    """Call ``fn`` with the items of the iterables, in worker processes, and show how far it is.

    Blocks until all are done.

    :param max_workers: how many workers; ``None`` for as many as the CPUs that this process may use.
    :param chunksize: items that are sent together.
    :param tqdm_class: makes the bar, from an iterable and the other arguments.
    :param tqdm_kwargs: such as ``desc`` or ``disable``.
    :return: the results, in the order of the items.
    :raises Exception: what the first of the items raised that failed.
    """
    lengths = [length for iterable in iterables if (length := length_hint(iterable, -1)) >= 0]
    tqdm_kwargs.setdefault("total", min(lengths, default=None))
    with ProcessPoolExecutor(max_workers) as executor:
        return list(tqdm_class(executor.map(fn, *iterables, chunksize=chunksize), **tqdm_kwargs))
