"""Out-of-band data: large buffers, which are sent in blocks of their own."""

import gc
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from processing_core import _pickling, _reducers
from processing_core._family import ensure_family
from processing_core._native import _kernel as k
from processing_core._reducers import ForkingPickler

LARGE = _pickling.OUT_OF_BAND


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Iterator[None]:
    ensure_family()
    gc.collect()
    before = k.stats()["cells"]
    yield
    gc.collect()
    k.verify()
    assert k.stats()["cells"] <= before


def through_a_queue(value: Any, **how: Any) -> Any:
    queue: k.Queue[Any] = k.Queue()
    queue.put(value)
    return queue.get(**how)


def owner(array: Any) -> Any:
    """The object that owns an array's memory."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


class Holder:
    """An object with attributes, for pickle."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class TestWhoseMemory:
    def test_a_large_array_stands_on_its_block(self) -> None:
        sent = np.arange(LARGE)
        received = through_a_queue(sent)
        assert (received == sent).all() and received.dtype == sent.dtype
        assert isinstance(owner(received), k.Block)
        received[0] = 7
        assert (received[0], sent[0]) == (7, 0)

    def test_a_small_one_does_not(self) -> None:
        assert not isinstance(owner(through_a_queue(np.arange(10))), k.Block)

    def test_a_copy_on_request(self) -> None:
        received = through_a_queue(np.arange(LARGE), copy=True)
        assert isinstance(owner(received), bytearray)
        received[0] = 7
        queue: k.Queue[Any] = k.Queue()
        queue.put_many([np.arange(LARGE)] * 2)
        assert all(isinstance(owner(array), bytearray) for array in queue.get_many(5, copy=True))

    def test_the_block_lives_as_long_as_its_last_view(self) -> None:
        cells = k.stats()["cells"]
        received = through_a_queue(np.arange(LARGE))
        part = received[5:10]
        assert k.stats()["cells"] == cells + 1
        del received
        assert k.stats()["cells"] == cells + 1
        assert part.tolist() == [5, 6, 7, 8, 9]
        del part
        assert k.stats()["cells"] == cells

    def test_each_buffer_has_a_block_of_its_own(self) -> None:
        cells = k.stats()["cells"]
        first, second = through_a_queue([np.zeros(LARGE), np.ones(LARGE)])
        del first
        assert k.stats()["cells"] == cells + 1
        assert second.sum() == LARGE

    def test_one_array_twice_is_one_array(self) -> None:
        array = np.zeros(LARGE)
        one, other = through_a_queue([array, array])
        assert one is other

    @pytest.mark.parametrize("order", ["C", "F"])
    def test_both_orders(self, order: Any) -> None:
        array = np.asarray(np.arange(90_000).reshape(300, 300), order=order)
        received = through_a_queue(array)
        assert (received == array).all() and received.flags[f"{order}_CONTIGUOUS"]

    def test_a_part_that_is_not_contiguous(self) -> None:
        array = np.arange(90_000).reshape(300, 300)[::2, ::3]
        assert (through_a_queue(array) == array).all()

    def test_a_pickle_buffer_becomes_a_view(self) -> None:
        received = through_a_queue(pickle.PickleBuffer(bytearray(b"x" * LARGE)))
        assert isinstance(received, memoryview) and not received.readonly and received == b"x" * LARGE


def read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


READ_ONLY = {
    "large": lambda: np.arange(LARGE),
    "small": lambda: np.arange(10),
    "in Fortran's order": lambda: np.asfortranarray(np.arange(90_000).reshape(300, 300)),
    "of several axes of one": lambda: np.zeros((1, LARGE, 1), "f4"),
    "not contiguous": lambda: np.arange(90_000).reshape(300, 300)[::2],
    "repeated": lambda: np.broadcast_to(np.arange(3), (4, 3)).view(),
    "on bytes": lambda: np.frombuffer(bytes(LARGE), "u1"),
    "empty": lambda: np.zeros((0, 3)),
    "of no axes": lambda: np.array(5),
    "of times": lambda: np.zeros(LARGE, "M8[ns]"),
    "of records": lambda: np.zeros(LARGE, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "of text": lambda: np.full(5000, "text", "U40"),
    "of another order of bytes": lambda: np.arange(LARGE, dtype=">i4"),
    "of objects": lambda: np.array([1, "a", None], object),
}


@pytest.mark.parametrize("make", READ_ONLY.values(), ids=READ_ONLY)
class TestReadOnlyArrays:
    """The received arrays are writable; the sender's stay read-only."""

    @pytest.mark.parametrize("copy", [False, True], ids=["stands", "copied"])
    @pytest.mark.parametrize("by_value", [False, True], ids=["plainly", "by value"])
    def test_arrive_writable(self, make: Any, copy: bool, by_value: bool) -> None:
        array = read_only(make())
        one, other, *_ = through_a_queue([array, array, (lambda: 1) if by_value else None], copy=copy)
        assert one is other and one.flags.writeable
        assert (one.dtype, one.shape) == (array.dtype, array.shape) and (one == array).all()
        assert not array.flags.writeable

    def test_with_a_reducer_of_the_programs_for_something_else(self, make: Any, monkeypatch: Any) -> None:
        monkeypatch.setitem(_reducers._table, Holder, lambda holder: (Holder, ()))
        assert through_a_queue(read_only(make())).flags.writeable

    def test_is_shared_read_only(self, make: Any) -> None:
        array = k.unpack(k.pack(make()), share=True)
        assert array.flags.writeable == (not isinstance(owner(array), k.Block))


class TestReadOnly:
    def test_a_large_array_is_copied_once(self) -> None:
        received = through_a_queue(read_only(np.arange(LARGE)))
        assert isinstance(owner(received), k.Block)

    def test_what_a_program_reduces_itself_is_left_alone(self, monkeypatch: Any) -> None:
        monkeypatch.setitem(_reducers._table, np.ndarray, lambda array: (list, (pickle.PickleBuffer(array),)))
        assert through_a_queue(read_only(np.arange(3, dtype="u1"))) == [0, 1, 2]

    def test_a_buffer_that_a_class_gives_is_left_alone(self) -> None:
        received = through_a_queue(pickle.PickleBuffer(read_only(np.zeros(LARGE, "u1"))))
        assert isinstance(received, memoryview) and received.readonly

    def test_bytes_stay_bytes(self) -> None:
        assert type(through_a_queue(pickle.PickleBuffer(b"abc"))) is bytes
        assert through_a_queue(pickle.PickleBuffer(bytes(LARGE))).readonly

    def test_pickling_is_begun_again_once(self) -> None:
        code = Counted()
        _pickling.dumps([code, read_only(np.arange(3))])
        assert code.calls == 2


class Counted:
    """An object that counts how often it is pickled."""

    calls = 0

    def __reduce__(self) -> Any:
        self.calls += 1
        return (Counted, ())


class TestUnpack:
    def test_copies_for_each_caller(self) -> None:
        parcel = k.pack(np.zeros(LARGE))
        one, other = k.unpack(parcel), k.unpack(parcel)
        one[0] = 1
        assert other[0] == 0 and k.unpack(parcel)[0] == 0

    def test_gives_the_buffers_to_one_caller(self) -> None:
        taken = k.unpack(k.pack(np.zeros(LARGE)), take=True)
        assert isinstance(owner(taken), k.Block)


class TestLongBytes:
    """Bytes own their memory, so they are copied on receiving; on sending they are copied once, at any position."""

    @pytest.mark.parametrize("size", [0, 100, 8191, 8192, 70_000, 3 << 20])
    @pytest.mark.parametrize("make", [bytes, bytearray])
    def test_at_every_size_and_position(self, size: int, make: Any) -> None:
        item = make(b"ab" * (size // 2) + b"c" * (size % 2))
        for value in (
            item,
            (1, item, 2),
            [item, b"between", make(item)],
            {"key": item},
            Holder(a=1, b=item, c=2).__dict__,
        ):
            received = through_a_queue(value)
            assert received == value and type(received) is type(value)
        held = through_a_queue(Holder(a=1, b=item, c=[item])).b
        assert held == item and type(held) is make

    def test_pieces_are_not_joined(self) -> None:
        item = bytearray(1 << 20)
        pieces, buffers = _pickling.pieces(Holder(a=1, b=item))
        assert any(piece is item for piece in pieces) and not buffers
        assert b"".join(pieces) == _pickling.dumps(Holder(a=1, b=item)) == pickle.dumps(Holder(a=1, b=item), 5)

    def test_a_bytearray_twice_is_one(self) -> None:
        item = bytearray(20_000)
        one, other = through_a_queue([item, item])
        assert one is other == item

    def test_the_sender_may_change_it_at_once(self) -> None:
        queue: k.Queue[Any] = k.Queue()
        item = bytearray(b"a" * 100_000)
        queue.put((1, item))
        item[:] = b"b" * 50  # resized: no view refers to it any more
        assert queue.get()[1] == b"a" * 100_000


class FailsAfterArray:
    """An object whose pickling fails after an array was pickled."""

    def __init__(self) -> None:
        self.array = np.zeros(LARGE)

    def __getstate__(self) -> Any:
        return [self.array, Refuses()]


class Refuses:
    def __reduce__(self) -> Any:
        raise RuntimeError("does not dump")


class Unloadable:
    def __init__(self, array: Any) -> None:
        self.array = array

    def __setstate__(self, state: Any) -> None:
        raise RuntimeError("does not load")


class TestFailures:
    def test_what_does_not_pickle_leaves_nothing(self) -> None:
        queue: k.Queue[Any] = k.Queue()
        with pytest.raises(RuntimeError, match="does not dump"):
            queue.put(FailsAfterArray())
        assert queue.empty()

    def test_what_does_not_unpickle_leaves_nothing(self) -> None:
        queue: k.Queue[Any] = k.Queue()
        queue.put(Unloadable(np.zeros(LARGE)))
        queue.put("next")
        with pytest.raises(RuntimeError, match="does not load"):
            queue.get()
        assert queue.get() == "next"

    def test_a_closure_with_an_array_goes_by_value(self) -> None:
        array = np.arange(LARGE)
        received = through_a_queue(lambda: array)
        assert (received() == array).all() and isinstance(owner(received()), k.Block)

    def test_registered_reducers_count(self) -> None:
        from processing_core import _reducers

        ForkingPickler.register(Refuses, lambda _: (Holder, ()))
        try:
            received = through_a_queue([Refuses(), np.arange(LARGE)])
        finally:
            del _reducers._table[Refuses]
        assert isinstance(received[0], Holder) and isinstance(owner(received[1]), k.Block)

    def test_pickling_within_pickling(self) -> None:
        assert through_a_queue(Nested([1, np.arange(LARGE)])) == LARGE


class Nested:
    """An object whose pickling sends a message itself."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __reduce__(self) -> Any:
        return int, (len(through_a_queue(Holder(inner=self.inner)).inner[1]),)


def test_a_dropped_queue_drops_its_buffers() -> None:
    cells = k.stats()["cells"]
    queue: k.Queue[Any] = k.Queue()
    queue.put([np.zeros(LARGE)] * 3)
    queue.put([np.zeros(LARGE), np.ones(LARGE)])
    assert k.stats()["cells"] == cells + 1 + 2 + 3
    del queue
    assert k.stats()["cells"] == cells
