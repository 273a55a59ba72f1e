"""The family: a root process and every process started below it, sharing one arena."""

from __future__ import annotations

import operator
import os

from processing_core import _exit, _forks
from processing_core._errors import StateError
from processing_core._native import _kernel
from processing_core._platform import memory_size

__all__ = ["ensure_family", "set_arena_limit", "shown_name"]

_LIMIT_VARIABLE = "PROCESSING_ARENA_LIMIT"
_SMALLEST_LIMIT = 1 << 20
_OBSERVING = frozenset(["PROCESSING_TRACE", "PROCESSING_TRACE_DIRECTORY", "PROCESSING_DEADLOCK"])

_limit: int | None = None


def set_arena_limit(limit: int) -> None:
    """Set how large this family's arena may grow; call it before anything shared is made.

    Without a call the environment variable ``PROCESSING_ARENA_LIMIT`` (bytes) is the limit, and without that three
    quarters of the physical memory. Memory is allocated when it is needed: a large limit costs no memory.  But each
    process reserves that much address space, which ``RLIMIT_AS`` counts: a program that sets ``RLIMIT_AS`` later, for
    itself or in its children, needs a limit well below it here, or its next allocation fails.  (``RLIMIT_DATA`` does
    not count what is reserved.)  An ``RLIMIT_AS`` that was set before is respected.  Does not block.  Not for
    concurrent use from several threads.

    :param limit: bytes, at least one MiB.
    :raises TypeError: if ``limit`` is not an integer.
    :raises ValueError: if ``limit`` is below one MiB.
    :raises StateError: if the arena exists already.

    >>> import processing
    >>> processing.set_arena_limit(1 << 30)  # doctest: +SKIP
    """
    global _limit
    try:
        limit = operator.index(limit)
    except TypeError:
        raise TypeError(f"the arena limit must be an integer of bytes, not {limit!r}") from None
    _check_limit(limit, "the arena limit")
    if _kernel.member() is not None:
        raise StateError(
            "the arena exists already: set its limit before the first shared object is made and "
            "before the first process is started"
        )
    _limit = limit


def ensure_family() -> None:
    """Make this process the root of a family unless it is a member of one already.

    Does not block; process-, thread- and signal-safe.

    :raises ValueError: if ``PROCESSING_ARENA_LIMIT`` is not a number of bytes above one MiB.
    :raises MemoryError: if the system grants no arena.
    """
    if _kernel.member() is not None:
        return
    _exit.watch_exit()
    try:
        _kernel.create_family("MainProcess", _arena_limit())
    except RuntimeError:
        # Another thread was first; the kernel decides which, so that there is no lock that a fork could copy.
        if _kernel.member() is None:
            raise
        return
    if _OBSERVING & os.environ.keys():
        from processing_core._observation import begin_as_told  # here, for few programs are observed

        begin_as_told()


def _arena_limit() -> int:
    if _limit is not None:
        return _limit
    written = os.environ.get(_LIMIT_VARIABLE)
    if written is None:
        return memory_size() // 4 * 3
    try:
        limit = int(written)
    except ValueError:
        raise ValueError(f"{_LIMIT_VARIABLE} must be a number of bytes, not {written!r}") from None
    return _check_limit(limit, _LIMIT_VARIABLE)


def _check_limit(limit: int, what: str) -> int:
    if limit < _SMALLEST_LIMIT:
        raise ValueError(f"{what} must be at least {_SMALLEST_LIMIT} bytes (1 MiB), not {limit}")
    return limit


def shown_name(name: str) -> str:
    """``name``, in the form that the member table can hold."""
    return name.replace("\0", " ").encode(errors="replace").decode()


# A family needs the hooks from its beginning, because its root may fork without a Process.
_forks.register()

# The process that makes the first shared object creates the family.
_kernel.set_family_maker(ensure_family)
