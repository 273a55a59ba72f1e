"""`Value`: one number, character or truth value that processes share."""

from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar, overload

from processing_core import lowlevel
from processing_sync import RLock

if TYPE_CHECKING:
    from ctypes import _SimpleCData

__all__ = ["LockLike", "RawValue", "Value"]

T = TypeVar("T")

IntCode = Literal["b", "B", "h", "H", "i", "I", "l", "L", "q", "Q"]
FloatCode = Literal["f", "d"]


class LockLike(Protocol):
    """What may stand beside a value: a lock that is a context manager and can be pickled."""

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it; whether that was done in time."""

    def release(self) -> None:
        """Let it go."""

    def __enter__(self) -> Any: ...
    def __exit__(self, *exc_info: object) -> None: ...


_Lock = LockLike | Literal[True] | None


@lowlevel.own_methods
class RawValue(lowlevel.Scalar, Generic[T]):
    """A value like `Value`, without a lock; it can be sent anywhere in the family.

    Reading and writing ``value`` never shows half of another's write; but ``value += 1`` is a
    reading and a writing, and another process may come between.

    :param typecode: as for `Value`.
    :param initial: as for `Value`.

    >>> import processing
    >>> processing.Value("d", 0.5, lock=False)
    c_double(0.5)
    """

    __slots__ = ()

    if TYPE_CHECKING:
        value: T

    @overload
    def __new__(cls, typecode: IntCode, initial: int = ..., /) -> "RawValue[int]": ...
    @overload
    def __new__(cls, typecode: FloatCode, initial: float = ..., /) -> "RawValue[float]": ...
    @overload
    def __new__(cls, typecode: Literal["c"], initial: bytes = ..., /) -> "RawValue[bytes]": ...
    @overload
    def __new__(cls, typecode: Literal["u"], initial: str = ..., /) -> "RawValue[str]": ...
    @overload
    def __new__(cls, typecode: Literal["?"], initial: object = ..., /) -> "RawValue[bool]": ...
    @overload
    def __new__(cls, typecode: "type[_SimpleCData[T]]", initial: T = ..., /) -> "RawValue[T]": ...
    @overload
    def __new__(cls, typecode: str, initial: Any = ..., /) -> "RawValue[Any]": ...
    def __new__(cls, typecode: Any, /, *initial: Any) -> Any:
        return super().__new__(cls, _code(typecode), *_at_most_one(initial))

    def __repr__(self) -> str:
        return f"{self._ctype}({self.value!r})"


@lowlevel.own_methods
class Value(lowlevel.LockedScalar, Generic[T]):
    """A value that processes share, with a lock beside it; it can be sent anywhere in the family.

    ``value`` reads and writes it, without the lock; ``with v.get_lock():`` makes several of these
    one.  Neither reading nor writing ever shows half of another's write.

    :param typecode: what it holds, as in :mod:`array` and :mod:`ctypes`: one of ``b B h H i I l L q
        Q`` (integers), ``f d`` (numbers), ``c`` (bytes of length 1), ``u`` (str of length 1),
        ``?`` (bool); or a simple type of :mod:`ctypes`.
    :param initial: the value at the beginning; without it, zero.
    :param lock: ``True`` or ``None`` for an `RLock` of its own; a lock, such as another value's; or ``False``
        for none, which makes a `RawValue`.
    :raises TypeError: if a value is set that is not of that type, or ``lock`` is no lock.
    :raises OverflowError: if a number is set that is out of the type's range.
    :raises ValueError: if there is no such typecode.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> counter = processing.Value("i", 41)
    >>> with counter.get_lock():
    ...     counter.value += 1
    >>> counter.value
    42
    """

    __slots__ = ()

    if TYPE_CHECKING:
        value: T

    @overload
    def __new__(cls, typecode: IntCode, initial: int = ..., /, *, lock: _Lock = True) -> "Value[int]": ...
    @overload
    def __new__(cls, typecode: FloatCode, initial: float = ..., /, *, lock: _Lock = True) -> "Value[float]": ...
    @overload
    def __new__(cls, typecode: Literal["c"], initial: bytes = ..., /, *, lock: _Lock = True) -> "Value[bytes]": ...
    @overload
    def __new__(cls, typecode: Literal["u"], initial: str = ..., /, *, lock: _Lock = True) -> "Value[str]": ...
    @overload
    def __new__(cls, typecode: Literal["?"], initial: object = ..., /, *, lock: _Lock = True) -> "Value[bool]": ...
    @overload
    def __new__(cls, typecode: "type[_SimpleCData[T]]", initial: T = ..., /, *, lock: _Lock = True) -> "Value[T]": ...
    @overload  # the checkers take what is no Value here as it is meant
    def __new__(  # type: ignore[misc]
        cls, typecode: IntCode, initial: int = ..., /, *, lock: Literal[False]
    ) -> RawValue[int]: ...
    @overload
    def __new__(  # type: ignore[misc]
        cls, typecode: FloatCode, initial: float = ..., /, *, lock: Literal[False]
    ) -> RawValue[float]: ...
    @overload
    def __new__(  # type: ignore[misc]
        cls, typecode: "type[_SimpleCData[T]]", initial: T = ..., /, *, lock: Literal[False]
    ) -> RawValue[T]: ...
    @overload
    def __new__(  # type: ignore[misc]
        cls, typecode: str, initial: Any = ..., /, *, lock: Literal[False]
    ) -> RawValue[Any]: ...
    @overload
    def __new__(cls, typecode: str, initial: Any = ..., /, *, lock: _Lock = True) -> "Value[Any]": ...
    def __new__(cls, typecode: Any, /, *initial: Any, lock: Any = True) -> Any:
        if lock is False:
            return RawValue(typecode, *initial)
        if lock is True or lock is None:
            lock = RLock()
        elif not all(hasattr(lock, name) for name in ("acquire", "release", "__enter__", "__exit__")):
            raise TypeError(f"lock {lock!r}: it must be True, False or a lock")
        first = _at_most_one(initial)
        return super().__new__(cls, _code(typecode), first[0] if first else None, lock)

    def get_obj(self) -> RawValue[T]:
        """The value without its lock: another handle to the same memory."""
        return self._bare(RawValue)

    def getlock(self) -> Any:
        """0.52's name of `get_lock`; permanent."""
        return self.get_lock()

    def getobj(self) -> RawValue[T]:
        """0.52's name of `get_obj`; permanent."""
        return self.get_obj()

    def __repr__(self) -> str:
        return f"<Synchronized wrapper for {self._ctype}({self.value!r})>"


_CODES = frozenset("cbBhHiIlLqQfd?u")


def _code(typecode: object) -> Any:
    """The typecode that a simple type of ctypes stands for; another object as it is, for the kernel to judge."""
    if not isinstance(typecode, type):
        return typecode
    code = getattr(typecode, "_type_", None)
    if isinstance(code, str) and code in _CODES:
        return code
    raise TypeError(f"type {typecode!r}: it must be a typecode or a simple type of ctypes, of numbers or characters")


def _at_most_one(initial: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(initial) > 1:
        raise TypeError(f"a value takes at most one initial value, {len(initial)} were given: {initial!r}")
    return initial
