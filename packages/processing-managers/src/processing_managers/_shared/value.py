"""`Value`: one number, character, truth value or structure that processes share."""

from __future__ import annotations

from processing_core import lowlevel
from processing_core.annotations import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload
from processing_managers._shared.synchronized import LockLike, Synchronized, checked_lock, synchronized
from processing_sync import RLock

if TYPE_CHECKING:
    from ctypes import _CData, _SimpleCData

__all__ = ["FloatCode", "IntCode", "RawValue", "Value"]

T = TypeVar("T")
N = TypeVar("N", bound=float)
CT = TypeVar("CT", bound="_CData")

IntCode = Literal["b", "B", "h", "H", "i", "I", "l", "L", "q", "Q"]
FloatCode = Literal["f", "d"]


_Lock = LockLike | Literal[True] | None


@overload
def RawValue(typecode_or_type: IntCode, initial: int = ..., /) -> _SimpleCData[int]: ...
@overload
def RawValue(typecode_or_type: FloatCode, initial: float = ..., /) -> _SimpleCData[float]: ...
@overload
def RawValue(typecode_or_type: Literal["c"], initial: bytes = ..., /) -> _SimpleCData[bytes]: ...
@overload
def RawValue(typecode_or_type: Literal["u"], initial: str = ..., /) -> _SimpleCData[str]: ...
@overload
def RawValue(typecode_or_type: Literal["?"], initial: object = ..., /) -> _SimpleCData[bool]: ...
@overload
def RawValue(typecode_or_type: type[CT], /, *initial: Any) -> CT: ...
@overload
def RawValue(typecode_or_type: str, /, *initial: Any) -> Any: ...
@overload
def RawValue(*, typecode_or_type: type[CT]) -> CT: ...
@overload
def RawValue(*, typecode_or_type: str) -> Any: ...
def RawValue(typecode_or_type: Any, *initial: Any) -> Any:
    """A value like `Value`, without a lock: an object of ctypes in shared memory.

    It can be sent to any process of the family, and exists as long as a process refers to it or to a view of its
    buffer. A reader of ``value`` never sees half of a write; but ``value += 1`` is a read and a write, and another
    process may write between the two. Numbers out of range wrap around, as in ctypes. Does not block.

    :param typecode_or_type: as for `Value`.
    :param initial: as for `Value`.
    :raises TypeError: if there is no such type, or the initial value is of another.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> processing.RawValue("d", 0.5)
    c_double(0.5)
    """
    with lowlevel.limit_named():
        from processing_managers._shared import raw as _raw

    obj = _raw.new_value(_raw.as_type(typecode_or_type))
    if initial:
        obj.__init__(*initial)
    return obj


@lowlevel.own_methods
class Value(lowlevel.LockedScalar, Generic[T]):
    """A value that processes share, with a lock; it can be sent to any process of the family.

    ``value`` reads and writes it, without the lock; ``with v.get_lock():`` makes several of these
    one.  Neither reading nor writing ever shows half of another's write.

    `add`, `fetch_add`, `exchange` and `compare_exchange` need no lock, and are the fastest way to count: each is one
    atomic operation, so no increment of another process is lost, and a killed process has done all of it or nothing.
    (The lock does not exclude them: guard a value either by its lock or by these.)

    Of a structure it is a wrapper with a property for each field, which reads and writes that
    under the lock; of other types see `Array` and :func:`processing_managers.sharedctypes.synchronized`.

    :param typecode_or_type: the type of the value, as in :mod:`array` and :mod:`ctypes`: one of ``b B h H i I l L q
        Q`` (integers), ``f d`` (numbers), ``c`` (bytes of length 1), ``u`` (str of length 1),
        ``?`` (bool); or any type of :mod:`ctypes` that holds no Python objects.
    :param initial: the value at the beginning, of a structure those of its fields; without it, zero.
    :param lock: ``True`` or ``None`` for an `RLock` of its own; a lock, such as another value's; or ``False``
        for none, which makes a `RawValue`.
    :param ctx: for compatibility; nothing depends on it.
    :raises TypeError: if there is no such type, or a value is set that is not of that type.
    :raises AttributeError: if ``lock`` is no lock.
    :raises OverflowError: if a number is set that is out of the type's range.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> counter = processing.Value("i", 41)
    >>> with counter.get_lock():
    ...     counter.value += 1
    >>> counter.value
    42
    >>> counter.add(8)
    >>> counter.fetch_add(-10), counter.exchange(7), counter.compare_exchange(7, 0), counter.value
    (50, 40, True, 0)
    """

    __slots__ = ("__dict__", "__weakref__")

    if TYPE_CHECKING:  # the kernel's, as this class types them
        value: T

        def add(self: Value[N], amount: N, /) -> None: ...
        def fetch_add(self: Value[N], amount: N, /) -> N: ...
        def exchange(self, value: T, /) -> T: ...
        def compare_exchange(self, expected: T, value: T, /) -> bool: ...

    @overload
    def __new__(
        cls, typecode_or_type: IntCode, initial: int = ..., /, *, lock: _Lock = True, ctx: object = None
    ) -> Value[int]: ...
    @overload
    def __new__(
        cls, typecode_or_type: FloatCode, initial: float = ..., /, *, lock: _Lock = True, ctx: object = None
    ) -> Value[float]: ...
    @overload
    def __new__(
        cls, typecode_or_type: Literal["c"], initial: bytes = ..., /, *, lock: _Lock = True, ctx: object = None
    ) -> Value[bytes]: ...
    @overload
    def __new__(
        cls, typecode_or_type: Literal["u"], initial: str = ..., /, *, lock: _Lock = True, ctx: object = None
    ) -> Value[str]: ...
    @overload
    def __new__(
        cls, typecode_or_type: Literal["?"], initial: object = ..., /, *, lock: _Lock = True, ctx: object = None
    ) -> Value[bool]: ...
    @overload
    def __new__(
        cls, typecode_or_type: type[_SimpleCData[T]], initial: T = ..., /, *, lock: _Lock = True, ctx: object = None
    ) -> Value[T]: ...
    @overload  # the checkers take what is no Value here as it is meant
    def __new__(  # type: ignore[misc]
        cls, typecode_or_type: IntCode, initial: int = ..., /, *, lock: Literal[False], ctx: object = None
    ) -> _SimpleCData[int]: ...
    @overload
    def __new__(  # type: ignore[misc]
        cls, typecode_or_type: FloatCode, initial: float = ..., /, *, lock: Literal[False], ctx: object = None
    ) -> _SimpleCData[float]: ...
    @overload
    def __new__(  # type: ignore[misc]
        cls, typecode_or_type: type[CT], /, *initial: Any, lock: Literal[False], ctx: object = None
    ) -> CT: ...
    @overload
    def __new__(
        cls, typecode_or_type: str, initial: Any = ..., /, *, lock: Literal[False], ctx: object = None
    ) -> Any: ...
    @overload
    def __new__(
        cls, typecode_or_type: str, initial: Any = ..., /, *, lock: _Lock = True, ctx: object = None
    ) -> Value[Any]: ...
    @overload  # a wrapper with a property for each field of a structure
    def __new__(cls, typecode_or_type: type[Any], /, *initial: Any, lock: _Lock = True, ctx: object = None) -> Any: ...
    @overload
    def __new__(cls, *, typecode_or_type: str | type[Any], lock: _Lock | bool = True, ctx: object = None) -> Any: ...
    def __new__(cls, typecode_or_type: Any, *initial: Any, lock: Any = True, ctx: object = None) -> Any:
        if lock is False:
            return RawValue(typecode_or_type, *initial)
        lock = RLock() if lock is True else checked_lock(lock)
        code = typecode_or_type if isinstance(typecode_or_type, str) else _code(typecode_or_type)
        if code is None:
            return _of_other_type(typecode_or_type, initial, lock)
        first = _at_most_one(initial)
        return super().__new__(cls, code, first[0] if first else None, lock)

    def get_obj(self) -> _SimpleCData[T]:
        """The value without its lock: an object of ctypes on the same memory."""
        from processing_managers._shared import raw as _raw

        obj: _SimpleCData[T] = _raw.object_over(_raw.as_type(self._typecode), self)
        return obj

    @property
    def _obj(self) -> _SimpleCData[T]:
        """What `get_obj` returns, as programs know it of ``multiprocessing``; so `_lock`."""
        return self.get_obj()

    @property
    def _lock(self) -> Any:
        return self.get_lock()

    def getlock(self) -> Any:
        """0.52's name of `get_lock`; permanent."""
        return self.get_lock()

    def getobj(self) -> _SimpleCData[T]:
        """0.52's name of `get_obj`; permanent."""
        return self.get_obj()

    def __repr__(self) -> str:
        return f"<Synchronized wrapper for {self._ctype}({self.value!r})>"


Synchronized.register(Value)


def _code(typecode: Any) -> str | None:
    """The typecode of a simple type of ctypes; ``None`` for a type without one."""
    from processing_managers._shared import raw as _raw

    code = getattr(typecode, "_type_", None)
    return code if isinstance(code, str) and _raw.TYPES.get(code) is typecode else None


def _of_other_type(type_: Any, initial: tuple[Any, ...], lock: Any) -> Any:
    return synchronized(RawValue(type_, *initial), lock)


def _at_most_one(initial: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(initial) > 1:
        raise TypeError(f"a value takes at most one initial value, {len(initial)} were given: {initial!r}")
    return initial


lowlevel.register_factory("Value", Value)
lowlevel.register_factory("RawValue", RawValue)
