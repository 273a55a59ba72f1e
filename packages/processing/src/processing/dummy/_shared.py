"""Values and arrays, which threads share as they are, with the interface of those in shared memory."""

from __future__ import annotations

import array
import ctypes
from collections.abc import Iterable

from processing.dummy import _sync
from processing_core.annotations import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar
from processing_core.lowlevel import Delegated

__all__ = ["Array", "Value"]

T = TypeVar("T")

if TYPE_CHECKING:
    _array = array.array[Any]
else:
    _array = array.array  # which takes no parameter before Python 3.12

Lock = Any
"""A context manager with ``acquire`` and ``release``, ``True`` for a new one, or ``False`` for none."""


class _Locked:
    """An object with a lock."""

    _lock: Any

    def get_lock(self) -> Any:
        """Its lock.

        :raises AttributeError: if it was made without.
        """
        if self._lock is None:
            raise AttributeError(f"{type(self).__name__!r} object has no lock")
        return self._lock

    def get_obj(self) -> Self:
        """This very object."""
        return self

    def acquire(self, block: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock; blocks.

        :param timeout: seconds; -1 waits for ever.
        """
        return bool(self.get_lock().acquire(block, timeout))

    def release(self) -> None:
        """Release the lock."""
        self.get_lock().release()

    if TYPE_CHECKING:

        def __enter__(self) -> bool: ...
        def __exit__(self, *error: object) -> None: ...

    else:
        __enter__, __exit__ = Delegated(get_lock, "__enter__"), Delegated(get_lock, "__exit__")

    def getlock(self) -> Any:
        """0.52's name of `get_lock`; permanent."""
        return self.get_lock()

    def getobj(self) -> Self:
        """0.52's name of `get_obj`; permanent."""
        return self.get_obj()


class Value(_Locked, Generic[T]):
    """A value.

    :param typecode: as for `processing.Value`; means nothing.
    :param value: the value at the beginning.
    :param lock: its lock; ``True`` for a new one, ``False`` for none.

    >>> from processing.dummy import Value
    >>> counter = Value("i", 41)
    >>> with counter.get_lock():
    ...     counter.value += 1
    >>> counter
    <Value('i', 42)>
    """

    value: T

    def __init__(self, typecode: Any, value: T = 0, lock: Lock = True) -> None:  # type: ignore[assignment]
        self._typecode, self.value = typecode, value
        self._lock = _lock(lock)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._typecode!r}, {self.value!r})>"


class Array(_Locked, _array):
    """An array of numbers; an `array.array`.

    :param typecode: one of `array.array`'s, or a simple type of :mod:`ctypes`.
    :param sequence: the items, or how many zeros.
    :param lock: its lock; ``True`` for a new one, ``False`` for none.
    :raises TypeError: if an item does not fit the type.
    :raises ValueError: if there is no such typecode, or the size is negative.

    >>> from processing.dummy import Array
    >>> Array("i", 3)[:].tolist()
    [0, 0, 0]
    """

    def __new__(
        cls,
        typecode: str | type[ctypes._SimpleCData[Any]],
        sequence: int | Iterable[Any],
        lock: Lock = True,
    ) -> Self:
        code: Any = typecode if isinstance(typecode, str) else getattr(typecode, "_type_", None)
        items: Any = sequence
        if isinstance(sequence, int):
            if sequence < 0:
                raise ValueError("Array size must not be negative")
            items = bytes(array.array(code).itemsize * sequence)
        self: Self = super().__new__(cls, code, items)
        self._lock = _lock(lock)
        return self


def _lock(lock: Lock | Literal[True, False] | None) -> Any:
    if lock is True or lock is None:
        return _sync.RLock()
    return None if lock is False else lock
