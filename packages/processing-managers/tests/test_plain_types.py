"""Proxies of plain types against the types that their referents have."""

from __future__ import annotations

import array
import copy
import operator
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from processing_managers import (
    AcquirerProxy,
    ArrayProxy,
    BarrierProxy,
    ConditionProxy,
    DictProxy,
    EventProxy,
    ListProxy,
    Manager,
    QueueProxy,
    SetProxy,
    SyncManager,
)


@pytest.fixture(scope="module")
def manager() -> Iterator[SyncManager]:
    with Manager() as manager:
        yield manager


def outcome(function: Callable[[Any], Any], subject: Any) -> Any:
    """What a function returns, in a form that is equal for a plain object and its proxy, or what it raises."""
    try:
        result = function(subject)
    except Exception as error:
        return type(error), str(error) if type(error) is not AttributeError else ""
    if result is subject:
        return "itself"
    if type(result) in (type({}.keys()), type({}.items()), type({}.values())):
        return list(result)
    return list(result) if hasattr(result, "__next__") else result


LIST = [3, 1, 2, 1]
ON_LISTS: list[Callable[[Any], Any]] = [
    lambda it: it.append(5),
    lambda it: it.append([6]),
    lambda it: it.clear(),
    lambda it: it.copy(),
    lambda it: it.count(1),
    lambda it: it.extend([7, 8]),
    lambda it: it.extend(iter([7, 8])),
    lambda it: it.extend("ab"),
    lambda it: it.extend(it),
    lambda it: it.extend(5),
    lambda it: it.index(1),
    lambda it: it.index(1, 2),
    lambda it: it.index(1, 2, 3),
    lambda it: it.index(99),
    lambda it: it.insert(1, 9),
    lambda it: it.pop(),
    lambda it: it.pop(0),
    lambda it: it.pop(99),
    lambda it: it.remove(1),
    lambda it: it.remove(99),
    lambda it: it.reverse(),
    lambda it: it.sort(),
    lambda it: it.sort(reverse=True),
    lambda it: it.sort(key=operator.neg),
    lambda it: it.sort(key=lambda number: -number),
    lambda it: len(it),
    lambda it: 3 in it,
    lambda it: 99 in it,
    lambda it: list(it),
    lambda it: [*it],
    lambda it: sorted(it),
    lambda it: max(it),
    lambda it: reversed(it),
    lambda it: it[0],
    lambda it: it[-1],
    lambda it: it[99],
    lambda it: it["x"],
    lambda it: it[1:3],
    lambda it: it[::-1],
    lambda it: operator.setitem(it, 0, 9),
    lambda it: operator.setitem(it, 99, 9),
    lambda it: operator.setitem(it, slice(1, 2), [4, 4]),
    lambda it: operator.setitem(it, slice(1, 2), iter([4, 4])),
    lambda it: operator.delitem(it, 0),
    lambda it: operator.delitem(it, slice(0, 2)),
    lambda it: operator.delitem(it, 99),
    lambda it: operator.add(it, [4]),
    lambda it: it + it,
    lambda it: operator.add([4], it),
    lambda it: it * 2,
    lambda it: 2 * it,
    lambda it: operator.iadd(it, [4]),
    lambda it: operator.iadd(it, it),
    lambda it: operator.imul(it, 2),
    lambda it: it == LIST,
    lambda it: it == [1],
    lambda it: it == 5,
    lambda it: it != LIST,
    lambda it: it < [9],
    lambda it: it <= LIST,
    lambda it: it > [9],
    lambda it: it >= it,
    lambda it: it == it,
    lambda it: str(it),
    lambda it: f"{it}",
    lambda it: bool(it),
    lambda it: copy.deepcopy(it),
    lambda it: it.nonsense,
]

DICT = {"a": 1, "b": [2], 3: None}
ON_DICTS: list[Callable[[Any], Any]] = [
    lambda it: it.clear(),
    lambda it: it.copy(),
    lambda it: it.get("a"),
    lambda it: it.get("x"),
    lambda it: it.get("x", 5),
    lambda it: it.items(),
    lambda it: it.keys(),
    lambda it: it.values(),
    lambda it: it.pop("a"),
    lambda it: it.pop("x"),
    lambda it: it.pop("x", None),
    lambda it: it.popitem(),
    lambda it: it.setdefault("a"),
    lambda it: it.setdefault("x"),
    lambda it: it.setdefault("x", 5),
    lambda it: it.update({"x": 1}),
    lambda it: it.update(x=1, other=2),
    lambda it: it.update([("x", 1)], y=2),
    lambda it: it.update(iter([("x", 1)])),
    lambda it: it.update(it),
    lambda it: len(it),
    lambda it: "a" in it,
    lambda it: "x" in it,
    lambda it: [] in it,
    lambda it: list(it),
    lambda it: dict(it),
    lambda it: reversed(it),
    lambda it: [key for key in it],  # noqa: C416
    lambda it: it["a"],
    lambda it: it["x"],
    lambda it: operator.setitem(it, "a", 9),
    lambda it: operator.setitem(it, [], 9),
    lambda it: operator.delitem(it, "a"),
    lambda it: operator.delitem(it, "x"),
    lambda it: it | {"x": 1},
    lambda it: {"x": 1, "a": 0} | it,
    lambda it: it | it,
    lambda it: operator.ior(it, {"x": 1}),
    lambda it: operator.ior(it, [("x", 1)]),
    lambda it: it == DICT,
    lambda it: it != DICT,
    lambda it: it == {},
    lambda it: it == 5,
    lambda it: str(it),
    lambda it: bool(it),
    lambda it: copy.deepcopy(it),
    lambda it: it.nonsense,
]

SET = {1, 2, 3}
ON_SETS: list[Callable[[Any], Any]] = [
    lambda it: it.add(4),
    lambda it: it.clear(),
    lambda it: it.copy(),
    lambda it: it.discard(1),
    lambda it: it.discard(9),
    lambda it: it.remove(1),
    lambda it: it.remove(9),
    lambda it: it.update([4, 5], {6}),
    lambda it: it.difference_update([1]),
    lambda it: it.intersection_update([1, 9]),
    lambda it: it.symmetric_difference_update([1, 9]),
    lambda it: it.difference({1}),
    lambda it: it.intersection({1}),
    lambda it: it.symmetric_difference({1, 9}),
    lambda it: it.union([9], [8]),
    lambda it: it.isdisjoint([9]),
    lambda it: it.issubset([1, 2, 3, 4]),
    lambda it: it.issuperset([1]),
    lambda it: len(it),
    lambda it: 1 in it,
    lambda it: sorted(it),
    lambda it: it & {1, 9},
    lambda it: it | {9},
    lambda it: it - {1},
    lambda it: it ^ {1, 9},
    lambda it: {1, 9} & it,
    lambda it: {9} | it,
    lambda it: {1, 9} - it,
    lambda it: {1, 9} ^ it,
    lambda it: operator.iand(it, {1, 9}),
    lambda it: operator.ior(it, {9}),
    lambda it: operator.isub(it, {1}),
    lambda it: operator.ixor(it, {1, 9}),
    lambda it: it == SET,
    lambda it: it == {1},
    lambda it: it < {1, 2, 3, 4},
    lambda it: it <= SET,
    lambda it: it > {1},
    lambda it: it >= it,
    lambda it: str(it),
]

NUMBERS = array.array("i", [3, 1, 2, 1])
ON_ARRAYS: list[Callable[[Any], Any]] = [
    lambda it: it.append(5),
    lambda it: it.append("x"),
    lambda it: it.byteswap(),
    lambda it: it.count(1),
    lambda it: it.extend(array.array("i", [7])),
    lambda it: it.extend(iter([7, 8])),
    lambda it: it.extend(range(2)),
    lambda it: it.extend(it),
    lambda it: it.frombytes(bytes(8)),
    lambda it: it.frombytes(bytes(3)),
    lambda it: it.fromlist([7, 8]),
    lambda it: it.fromlist([7, "x"]),
    lambda it: it.index(1),
    lambda it: it.index(1, 2),
    lambda it: it.index(99),
    lambda it: it.insert(1, 9),
    lambda it: it.pop(),
    lambda it: it.pop(0),
    lambda it: it.pop(99),
    lambda it: it.remove(1),
    lambda it: it.remove(99),
    lambda it: it.reverse(),
    lambda it: it.tobytes(),
    lambda it: it.tolist(),
    lambda it: (it.typecode, it.itemsize),
    lambda it: len(it),
    lambda it: (3 in it, 99 in it, "x" in it),
    lambda it: list(it),
    lambda it: list(reversed(it)),
    lambda it: (it[0], it[-1]),
    lambda it: it[99],
    lambda it: it[1:3],
    lambda it: operator.setitem(it, 0, 9),
    lambda it: operator.setitem(it, 0, "x"),
    lambda it: operator.setitem(it, slice(1, 2), array.array("i", [4, 4])),
    lambda it: operator.setitem(it, slice(1, 2), it),
    lambda it: operator.delitem(it, 0),
    lambda it: operator.delitem(it, slice(0, 2)),
    lambda it: it + array.array("i", [4]),
    lambda it: it + it,
    lambda it: array.array("i", [4]) + it,
    lambda it: it * 2,
    lambda it: 2 * it,
    lambda it: operator.iadd(it, array.array("i", [4])),
    lambda it: operator.iadd(it, it),
    lambda it: operator.imul(it, 2),
    lambda it: (it == NUMBERS, it == array.array("i"), it == 5, it != NUMBERS),
    lambda it: (it < array.array("i", [9]), it <= NUMBERS, it > array.array("i", [9]), it >= it),
    lambda it: str(it),
    lambda it: bool(it),
    lambda it: copy.deepcopy(it),
    lambda it: it.nonsense,
]

# Methods that create another object; the proxies have them only to raise that they are not implemented.
OF_DICTS = {"__lt__", "__le__", "__gt__", "__ge__"}

MEMORY = {"buffer_info", "clear", "fromfile", "tofile", "fromunicode", "tounicode"}
"""Methods of an array that concern the memory or files of its process, or that only some versions have."""

OPERATORS = {
    *(f"__{name}__" for name in ("contains", "delitem", "getitem", "setitem", "iter", "len", "reversed")),
    *(f"__{name}__" for name in ("eq", "lt", "le", "gt", "ge", "add", "iadd", "mul", "rmul", "imul", "enter", "exit")),
    *(f"__{how}{name}__" for how in ("", "r", "i") for name in ("and", "or", "sub", "xor")),
}


class TestPlainTypes:
    @pytest.mark.parametrize("number", range(len(ON_LISTS)))
    def test_lists(self, manager: SyncManager, number: int) -> None:
        ours, theirs = manager.list(LIST), list(LIST)
        assert outcome(ON_LISTS[number], ours) == outcome(ON_LISTS[number], theirs)
        assert ours._getvalue() == theirs

    @pytest.mark.parametrize("number", range(len(ON_DICTS)))
    def test_dicts(self, manager: SyncManager, number: int) -> None:
        ours, theirs = manager.dict(DICT), dict(DICT)
        assert outcome(ON_DICTS[number], ours) == outcome(ON_DICTS[number], theirs)
        assert ours._getvalue() == theirs

    @pytest.mark.parametrize("number", range(len(ON_SETS)))
    def test_sets(self, manager: SyncManager, number: int) -> None:
        ours, theirs = manager.set(SET), set(SET)
        assert outcome(ON_SETS[number], ours) == outcome(ON_SETS[number], theirs)
        assert ours._getvalue() == theirs

    @pytest.mark.parametrize("number", range(len(ON_ARRAYS)))
    def test_arrays(self, manager: SyncManager, number: int) -> None:
        ours, theirs = manager.Array("i", NUMBERS), copy.copy(NUMBERS)
        assert outcome(ON_ARRAYS[number], ours) == outcome(ON_ARRAYS[number], theirs)
        assert ours._getvalue() == theirs

    @pytest.mark.parametrize(
        ("plain", "proxy", "without"),
        [
            (list, ListProxy, set()),
            (dict, DictProxy, OF_DICTS),
            (set, SetProxy, set()),
            (array.array, ArrayProxy, MEMORY),
            (queue.Queue, QueueProxy, set()),
            (threading.Semaphore, AcquirerProxy, set()),
            (threading.Condition, ConditionProxy, set()),
            (threading.Event, EventProxy, set()),
            (threading.Barrier, BarrierProxy, set()),
        ],
        ids=lambda kind: getattr(kind, "__name__", ""),
    )
    def test_every_method_and_operator(self, plain: type, proxy: type, without: set[str]) -> None:
        own = {name for name in dir(plain) if getattr(plain, name) is not getattr(object, name, None)}
        public = {name for name in own if not name.startswith("_") or name in OPERATORS}
        answered = {name for name in public if getattr(proxy, name, None) is not getattr(object, name, None)}
        assert public - answered == without & own

    def test_what_they_are_made_of(self, manager: SyncManager) -> None:
        assert manager.list() == [] and manager.list("ab") == ["a", "b"]
        assert manager.dict() == {} and manager.dict(a=1) == {"a": 1} and manager.dict([(1, 2)]) == {1: 2}
        assert manager.dict(manager.dict(a=1), b=2) == {"a": 1, "b": 2}
        assert manager.set() == set() and manager.set([1]) == {1}

    def test_an_iteration_sees_more_than_a_chunk(self, manager: SyncManager) -> None:
        assert list(manager.list(range(1000))) == list(range(1000))

    def test_a_popped_item_is_gone(self, manager: SyncManager) -> None:
        items = manager.set({1})
        assert items.pop() == 1 and len(items) == 0
        with pytest.raises(KeyError):
            items.pop()

    def test_proxies_are_compared_by_value_and_usable_as_keys(self, manager: SyncManager) -> None:
        one, other = manager.list([1]), manager.list([1])
        assert one == other and one is not other
        assert {one: "here"}[one] == "here"
        assert manager.dict(a=1) == manager.dict(a=1) != manager.dict(a=2)
