"""A pool that the whole program uses again and again."""

from __future__ import annotations

from processing_core.annotations import Any
from processing_core.lowlevel import ThreadRLock, register_after_fork
from processing_pool._pool import Pool

__all__ = ["reusable_pool"]


class _State:
    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.options: dict[str, Any] = {}  # with which the pool was made
        self.guard = ThreadRLock()  # guards that two threads make one pool


_state = _State()


def reusable_pool(processes: int | None = None, **options: Any) -> Pool:
    """The program's pool: the one that an earlier call has made, if it runs and was made with the same arguments.

    So libraries that need a pool for a moment do not start workers each time. Do not close it, and do not use it in a
    ``with`` block: its workers end with this process. A call with other arguments closes the earlier pool, which
    finishes the tasks whose results the program still holds, and makes another. Blocks until the workers have been
    started. Thread-safe; a forked child gets a pool of its own.

    :param processes: how many workers; ``None`` for as many as the CPUs that this process may use.
    :param options: whatever else :class:`Pool` takes.
    :raises Exception: as `Pool`.

    >>> import processing
    >>> processing.reusable_pool(2) is processing.reusable_pool(2)  # doctest: +SKIP
    True
    """
    wanted = {"processes": processes, **options}
    with _state.guard:
        pool = _state.pool
        if pool is None or not pool._engine.is_unclosed() or _state.options != wanted:
            fresh = Pool(processes, **options)  # before the other is given up, for it may raise
            if pool is not None and pool._engine.is_unclosed():
                pool.close()
            _state.pool, _state.options, pool = fresh, wanted, fresh
        return pool


def _forget(state: _State) -> None:
    """In a forked child: the pool is the parent's, and another thread of it may have held the guard."""
    state.__init__()  # type: ignore[misc]


register_after_fork(_state, _forget)
