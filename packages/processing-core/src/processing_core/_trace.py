"""`trace`: what every process does and waits for, recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["trace"]


@contextmanager
def trace(path: str | os.PathLike[str]) -> Iterator[None]:
    """Record what this process, and those that are started in the body, do and wait for.

    The file that is written at the end is in the trace event format: Perfetto and Chrome open it, and ``python -m
    processing timeline PATH`` makes a page of it. It has the tasks of pools (items that are sent together are one span,
    with their number), waits for queues, locks and their like that were not over at once, and the life of each process.
    What a killed process had recorded is in it; if this process is killed, the parts lie in ``PATH.parts``, and
    ``timeline`` finds them there.

    The environment's ``PROCESSING_TRACE=PATH`` records a whole program. One trace at a time. Each process writes 48
    bytes an event, 256 MiB at the most.

    :param path: of the file that is written; it is replaced.
    :raises RuntimeError: if there is a trace already.
    :raises OSError: if the files cannot be written.
    :raises NotImplementedError: on Windows.

    >>> import processing
    >>> with processing.trace("run.json"), processing.Pool(2) as pool:  # doctest: +SKIP
    ...     pool.map(abs, range(1000))
    """
    from processing_core import tracing  # here, for few programs are traced

    tracing.begin(os.fspath(path))
    try:
        yield
    finally:
        tracing.end(os.fspath(path))
