"""What travels out of band: large buffers, in blocks of their own."""

import gc
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from processing_core import _pickling
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
    k.check()
    assert k.stats()["cells"] <= before


def through_a_queue(value: Any, **how: Any) -> Any:
    queue: k.Queue[Any] = k.Queue()
    queue.put(value)
    return queue.get(**how)


def owner(array: Any) -> Any:
    """What an array stands on in the end."""
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

    def test_what_was_read_only_stays_so(self) -> None:
        array = np.arange(LARGE)
        array.flags.writeable = False
        assert not through_a_queue(array).flags.writeable

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


class TestUnpack:
    def test_copies_for_everybody(self) -> None:
        parcel = k.pack(np.zeros(LARGE))
        one, other = k.unpack(parcel), k.unpack(parcel)
        one[0] = 1
        assert other[0] == 0 and k.unpack(parcel)[0] == 0

    def test_takes_for_one(self) -> None:
        taken = k.unpack(k.pack(np.zeros(LARGE)), take=True)
        assert isinstance(owner(taken), k.Block)


class TestLongBytes:
    """They own their memory, so they are copied out; but copied in only once, wherever they stand."""

    @pytest.mark.parametrize("size", [0, 100, 8191, 8192, 70_000, 3 << 20])
    @pytest.mark.parametrize("make", [bytes, bytearray])
    def test_at_every_size_and_place(self, size: int, make: Any) -> None:
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
        item[:] = b"b" * 50  # resized: nobody holds a view any more
        assert queue.get()[1] == b"a" * 100_000


class Stubborn:
    """Pickles an array, and then fails."""

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
            queue.put(Stubborn())
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
    """Its pickling sends something itself."""

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
