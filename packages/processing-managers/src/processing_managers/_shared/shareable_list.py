"""`ShareableList`: a list of fixed length in named shared memory.

Everything is in 64-bit words, in the machine's byte order::

    [ magic | length | end of slot 0 | 1 | ... ][ kind of item 0 | bytes used | 1 ... ][ slots ]

An item's slot has the room that its first value took, in words, and at least one. The length of a string is stored, so
trailing NULs belong to it. Items are not locked: if a process writes one while others read it, the program needs a
`Lock`.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Iterable, Iterator

from processing_core.annotations import Any, Generic, TypeVar
from processing_core.lowlevel import added_attributes
from processing_managers._shared.shared_memory import SharedMemory

__all__ = ["ShareableList"]

T = TypeVar("T")

_MAGIC = 0x3174736C5F637270
_HEAD = 2  # words
_WORD = 8
_INT, _FLOAT, _BOOL, _NONE, _STR, _BYTES = range(1, 7)
_TYPES: dict[type[Any], int] = {int: _INT, float: _FLOAT, bool: _BOOL, type(None): _NONE, str: _STR, bytes: _BYTES}
_PACKED = {_INT: "q", _FLOAT: "d", _BOOL: "?", _NONE: ""}
_FORMATS = {_INT: "q", _FLOAT: "d", _BOOL: "xxxxxxx?", _NONE: "xxxxxx?x"}


class ShareableList(Generic[T]):
    """A list of fixed length in named shared memory, of `int` (64 bits), `float`, `bool`, `str`, `bytes` and ``None``.

    Items can be replaced by values of any of these types; a longer string fits as far as the room
    of the first one goes, which is rounded up to 8 bytes.  Not locked.  ``shm`` is the memory, which
    is to be closed, and unlinked once.

    :param sequence: the items; ``None`` to attach to a list that exists, or without a name for none.  A copy of a
        `ShareableList` has the rooms of the original.
    :param name: the name of the memory; ``None`` for a new one.
    :raises TypeError: if an item is of another type.
    :raises struct.error: if an integer has more than 64 bits.
    :raises FileExistsError: if it is to be made, and the name is taken.
    :raises FileNotFoundError: if it is not to be made, and there is none.
    :raises ValueError: if that memory holds no list.

    >>> from processing_managers.shared_memory import ShareableList
    >>> items = ShareableList(["spam", 42, None])
    >>> items[1] += 1
    >>> list(ShareableList(name=items.shm.name))
    ['spam', 43, None]
    >>> items.shm.close(), items.shm.unlink()
    (None, None)
    """

    shm: SharedMemory

    def __init__(self, sequence: Iterable[T] | None = None, *, name: str | None = None) -> None:
        if sequence is None and name is not None:
            self.shm = SharedMemory(name)
            self._adopt()
            return
        items = [_encode(item) for item in sequence or ()]
        self._build(items, sequence._rooms() if isinstance(sequence, ShareableList) else list(map(_room, items)), name)

    def _build(self, items: list[tuple[int, bytes]], rooms: list[int], name: str | None) -> None:
        self._length = len(items)
        self.shm = SharedMemory(name, create=True, size=self._slots_at() + sum(rooms))
        end = 0
        for index, room in enumerate(rooms):
            end += room
            self._set_word(_HEAD + index, end)
            self._write(index, *items[index])
        self._set_word(1, self._length)
        self._set_word(0, _MAGIC)

    def _adopt(self) -> None:
        size = self.shm.size // _WORD
        self._length = self._word(1) if size >= _HEAD and self._word(0) == _MAGIC else size
        if _HEAD + 3 * self._length > size:
            name = self.shm.name
            self.shm.close()
            raise ValueError(f"the shared memory {name!r} holds no ShareableList")

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> T:
        kind, data = self._read(self._checked(position))
        return _decode(kind, data)  # type: ignore[no-any-return]

    def __setitem__(self, position: int, value: T) -> None:
        index = self._checked(position)
        kind, data = _encode(value)
        begin, end = self._slot(index)
        if len(data) > (room := end - begin):
            raise ValueError(f"value {value!r} exceeds available storage: it takes {len(data)} bytes, of {room}")
        self._write(index, kind, data)

    def __iter__(self) -> Iterator[T]:
        for index in range(self._length):
            yield self[index]

    def count(self, value: T) -> int:
        """How many items equal ``value``."""
        return sum(value == item for item in self)

    def index(self, value: T) -> int:
        """The position of the first item that equals ``value``.

        :raises ValueError: if none does.
        """
        for index, item in enumerate(self):
            if value == item:
                return index
        raise ValueError(f"{value!r} not in this container")

    @property
    def format(self) -> str:
        """The items' types and rooms, in the language of :mod:`struct`."""
        return "".join(self._get_packing_format(index) for index in range(self._length))

    def _get_packing_format(self, position: int) -> str:
        index = self._checked(position)
        begin, end = self._slot(index)
        return _FORMATS.get(self._word(self._entry(index)), f"{end - begin}s")

    def __reduce__(self) -> tuple[Any, ...]:
        return _attached, (type(self), self.shm.name), added_attributes(self, _OWN) or None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)}, name={self.shm.name!r})"

    # -- the layout --

    def _word(self, number: int) -> int:
        return int(struct.unpack_from("q", self.shm.buf, number * _WORD)[0])

    def _set_word(self, number: int, value: int) -> None:
        struct.pack_into("q", self.shm.buf, number * _WORD, value)

    def _entry(self, index: int) -> int:
        return _HEAD + self._length + 2 * index

    def _slots_at(self) -> int:
        return (_HEAD + 3 * self._length) * _WORD

    def _slot(self, index: int) -> tuple[int, int]:
        begin = self._word(_HEAD + index - 1) if index else 0
        return self._slots_at() + begin, self._slots_at() + self._word(_HEAD + index)

    def _rooms(self) -> list[int]:
        slots = map(self._slot, range(self._length))
        return [end - begin for begin, end in slots]

    def _read(self, index: int) -> tuple[int, bytes]:
        entry = self._entry(index)
        begin, end = self._slot(index)
        return self._word(entry), bytes(self.shm.buf[begin : min(begin + self._word(entry + 1), end)])

    def _write(self, index: int, kind: int, data: bytes) -> None:
        begin, _ = self._slot(index)
        self.shm.buf[begin : begin + len(data)] = data
        self._set_word(self._entry(index), kind)
        self._set_word(self._entry(index) + 1, len(data))

    def _checked(self, position: int) -> int:
        index = operator.index(position)
        index += self._length if index < 0 else 0
        if not 0 <= index < self._length:
            raise IndexError(f"position {position}: the list has {self._length} items")
        return index


def _rounded_up(size: int) -> int:
    return (size + _WORD - 1) // _WORD * _WORD


def _room(item: tuple[int, bytes]) -> int:
    """Bytes that a new slot has for the item."""
    kind, data = item
    return max(_WORD, _rounded_up(len(data) + (kind in (_STR, _BYTES))))


def _encode(value: Any) -> tuple[int, bytes]:
    """The kind and the bytes of an item."""
    kind = _TYPES.get(type(value))
    if kind is None:
        raise TypeError(f"item {value!r}: it must be an int, float, bool, str, bytes or None")
    if kind == _STR:
        return kind, value.encode("utf-8", "surrogatepass")
    if kind == _BYTES:
        return kind, value
    return kind, struct.pack(_PACKED[kind], *[value] * (kind != _NONE))


def _decode(kind: int, data: bytes) -> Any:
    if kind == _STR:
        return data.decode("utf-8", "surrogatepass")
    if kind == _BYTES:
        return data
    return struct.unpack(_PACKED[kind], data)[0] if kind != _NONE else None


_OWN = frozenset(["shm", "_length"])  # attributes


def _attached(type_: type[ShareableList[Any]], name: str) -> ShareableList[Any]:
    items = type_.__new__(type_)
    ShareableList.__init__(items, name=name)  # a subclass's `__init__` may have parameters of its own
    return items
