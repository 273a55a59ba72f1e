"""An object that was sent is equal, of the same types, with the same sharing, by the kernel's codec or by pickle."""

import random
import struct
import sys
from collections import OrderedDict
from typing import Any

import pytest

from processing_core import lowlevel
from processing_core._family import ensure_family
from processing_core._native import _kernel as k


@pytest.fixture(autouse=True, scope="module")
def _a_family() -> None:
    ensure_family()


def round_trip(value: Any) -> Any:
    return k.unpack(k.pack(value))


PLAIN = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**200,
    1.5,
    float("inf"),
    "",
    "é€𝄞",
    "\0",
    "\ud800",
    "long " * 3000,
    b"",
    bytes(range(256)),
    b"x" * 100_000,
    (),
    [],
    {},
    (1, ("a", (None, (2.0, (b"deep",))))),
    [[1], [2, [3, {}]]],
    {"a": 1, "b": [1, 2, 3], ("k", 1): {"c": None}},
    {1: {2: {3: {4: {5: {6: 7}}}}}},
    list(range(255)),
    list(range(256)),
    list(range(10_000)),
    [(i, "x") for i in range(1000)],
    ["long " * 100] * 1000,
    list(range(40_000)),
    [1] * 400 + [{1}],
    {str(n): n for n in range(300)},
    [[] for _ in range(40)],
    {1, 2},
    frozenset(["a"]),
    bytearray(b"mutable"),
    1 + 2j,
    range(5),
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:30])
def test_a_value_comes_out_as_it_went_in(value: Any) -> None:
    for wrapped in (value, (value,), [value], {"key": value}):
        result = round_trip(wrapped)
        assert result == wrapped and repr(result) == repr(wrapped)
        assert type(result) is type(wrapped)


def test_floats_keep_every_bit() -> None:
    chance = random.Random(1)
    for _ in range(500):
        (value,) = struct.unpack("d", chance.randbytes(8))
        assert struct.pack("d", round_trip(value)) == struct.pack("d", value)


def test_what_is_large_and_many_times_in_a_list_is_sent_once() -> None:
    for large in (b"x" * 1_000_000, "x" * 1000):
        before = lowlevel.stats()["used"]
        parcel = k.pack([large] * 400)
        assert lowlevel.stats()["used"] - before < 3_000_000
        result = k.unpack(parcel)
        assert result == [large] * 400
        assert all(one is result[0] for one in result)


@pytest.mark.parametrize("inner", [[1], {"a": 1}], ids=["list", "dict"])
def test_an_object_that_occurs_twice_is_one_object_there(inner: Any) -> None:
    pair = round_trip((inner, inner))
    assert pair[0] is pair[1] == inner
    both = round_trip({"x": inner, "y": [inner]})
    assert both["x"] is both["y"][0]


def test_an_object_that_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    result = round_trip(loop)
    assert result[0] is result


class Number(int):
    """A subclass, which the codec does not encode as a plain value."""


class Names(OrderedDict[str, int]):
    pass


def test_subclasses_stay_what_they_are() -> None:
    for value in (Number(3), Names(a=1), True):
        assert type(round_trip([value])[0]) is type(value)


def test_keys_that_were_read_before_and_others() -> None:
    chance = random.Random(2)
    letters = "ab\0é€𝄞 _"
    known = ["".join(chance.choices(letters, k=chance.randrange(20))) for _ in range(2000)]
    known += [f"key {n}" for n in range(2000)] + ["k" * n for n in range(100)]
    for _ in range(3000):
        value = {key: {key: len(key)} for key in chance.choices(known, k=chance.randrange(8))}
        assert repr(round_trip(value)) == repr(value)
    for key in known:
        assert round_trip({key: None, b"key": key}) == {key: None, b"key": key}


def test_keys_that_differ_in_one_character() -> None:
    for size in range(1, 41):
        for place in range(size):
            one, other = "k" * size, "k" * place + "l" + "k" * (size - place - 1)
            for key in (one, other, one, other):
                assert round_trip({key: 1}) == {key: 1}, (size, place)


def test_other_keys_replace_it() -> None:
    def total() -> int:
        for n in range(20_000):
            round_trip({f"{chance.random()} {n}": n})
        return sys.getallocatedblocks()

    chance = random.Random(3)
    before = total()
    assert total() - before < 2000
