from __future__ import annotations

import ast
import ctypes
import math
import pickle
import struct
from collections.abc import Callable
from typing import Any

import pytest

from processing_core import OwnerDied, lowlevel
from processing_managers import RawValue, Value
from processing_sync import Lock, RLock
from processing_testing.children import sharing
from processing_testing.children.forking import Child
from processing_testing.harness.mechanisms import LAST_CHARACTER
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]

INTEGERS = "bBhHiIlLqQ"


def limits(code: str) -> tuple[int, int]:
    bits = 8 * struct.calcsize(code)
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if code.islower() else (0, (1 << bits) - 1)


@pytest.fixture
def make() -> Callable[..., Any]:
    return Value


class TestNumbers:
    @pytest.mark.parametrize("code", INTEGERS)
    def test_integers_to_their_limits(self, make: Callable[..., Any], code: str) -> None:
        least, most = limits(code)
        value = make(code)
        assert value.value == 0
        for number in (least, most, 1, True):
            value.value = number
            assert value.value == number and type(value.value) is int
        for number in (least - 1, most + 1, -(10**30), 10**30):
            with pytest.raises(OverflowError, match=f"value {number}: typecode '{code}' .* {least} to {most}"):
                value.value = number
            with pytest.raises(OverflowError):
                make(code, number)
        assert value.value == 1

    @pytest.mark.parametrize("wrong", ["1", 1.0, None, b"1"])
    def test_what_is_no_integer(self, make: Callable[..., Any], wrong: Any) -> None:
        value = make("i", 5)
        with pytest.raises(TypeError, match="takes an integer"):
            value.value = wrong
        assert value.value == 5

    def test_what_can_be_an_index_is_an_integer(self, make: Callable[..., Any]) -> None:
        class Index:
            def __index__(self) -> int:
                return 2**64 - 1

        value = make("Q", Index())
        assert value.value == 2**64 - 1

    def test_an_index_that_raises(self, make: Callable[..., Any]) -> None:
        class Index:
            def __index__(self) -> int:
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            make("i", Index())

    @pytest.mark.parametrize("code", "fd")
    def test_floats(self, make: Callable[..., Any], code: str) -> None:
        value = make(code)
        for number in (0.0, -1.5, 3, 2.0**100, math.inf, -math.inf):
            value.value = number
            assert value.value == number and type(value.value) is float
        value.value = math.nan
        assert math.isnan(value.value)
        with pytest.raises(TypeError, match="takes a real number"):
            value.value = "1"

    def test_single_precision(self, make: Callable[..., Any]) -> None:
        assert make("f", 0.1).value == struct.unpack("f", struct.pack("f", 0.1))[0]
        with pytest.raises(OverflowError, match="single precision"):
            make("f", 1e300)

    def test_bool(self, make: Callable[..., Any]) -> None:
        assert make("?").value is False
        assert make("?", "yes").value is True


class TestCharacters:
    def test_bytes(self, make: Callable[..., Any]) -> None:
        assert make("c").value == b"\0"
        assert make("c", b"\xff").value == b"\xff"

    def test_str(self, make: Callable[..., Any]) -> None:
        assert make("u").value == "\0"
        assert make("u", LAST_CHARACTER).value == LAST_CHARACTER

    @pytest.mark.parametrize(
        ("code", "wrong", "error"),
        [
            *(("c", b"", ValueError), ("c", b"12", ValueError), ("c", "1", TypeError), ("c", 1, TypeError)),
            *(("u", "", ValueError), ("u", "12", ValueError), ("u", b"1", TypeError), ("u", 1, TypeError)),
        ],
    )
    def test_others(self, make: Callable[..., Any], code: str, wrong: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="of length 1"):
            make(code, wrong)


class TestMaking:
    @pytest.mark.parametrize(
        "kind", ["c_byte", "c_uint", "c_long", "c_ulonglong", "c_float", "c_double", "c_bool", "c_char", "c_wchar"]
    )
    def test_types_of_ctypes(self, make: Callable[..., Any], kind: str) -> None:
        ctype = getattr(ctypes, kind)
        value, model = make(ctype), ctype()
        assert value.value == model.value and type(value.value) is type(model.value)
        assert repr(model) in repr(value)

    @pytest.mark.parametrize("wrong", [int, ctypes.Structure, ctypes.py_object])
    def test_types_that_cannot_be_shared(self, make: Callable[..., Any], wrong: Any) -> None:
        with pytest.raises(TypeError, match="type"):
            make(wrong)

    @pytest.mark.parametrize("wrong", ["z", "", "ii", 1])
    def test_typecodes_that_are_none(self, make: Callable[..., Any], wrong: Any) -> None:
        with pytest.raises(TypeError, match="typecode"):
            make(wrong)

    def test_two_initial_values(self, make: Callable[..., Any]) -> None:
        with pytest.raises(TypeError, match="at most one initial value"):
            make("i", 1, 2)

    def test_a_value_cannot_be_deleted(self, make: Callable[..., Any]) -> None:
        with pytest.raises(TypeError, match="deleted"):
            del make("i").value

    def test_reprs_are_those_of_multiprocessing(self) -> None:
        assert repr(Value("i", 5)) == "<Synchronized wrapper for c_int(5)>"
        assert repr(Value("c", b"x", lock=False)) == "c_char(b'x')"
        assert str(Value) == "<class 'processing_managers.Value'>"

    def test_a_dropped_value_leaves_nothing(self) -> None:
        Value("i")
        before = lowlevel.stats()["cells"]
        for _ in range(300):
            Value("i"), Value("i", lock=False)
        assert lowlevel.stats()["cells"] <= before  # cells that earlier tests left may be freed meanwhile


class TestAtomics:
    @pytest.mark.parametrize("code", INTEGERS)
    def test_sums_to_the_limits(self, code: str) -> None:
        least, most = limits(code)
        value = Value(code, least)
        assert value.fetch_add(1) == least
        assert value.add(-1) is None and value.value == least
        value.value = most - 1
        value.add(1)
        assert value.value == most
        for amount, stays in ((1, most), (most, most), (-1, least), (least - 1, least), (2**70, 0), (-(2**70), 0)):
            value.value = stays
            with pytest.raises(OverflowError):
                value.add(amount)
            with pytest.raises(OverflowError):
                value.fetch_add(amount)
            assert value.value == stays
        value.value = most
        assert value.fetch_add(-most) == most and value.value == 0

    def test_a_sum_that_does_not_fit_says_so(self) -> None:
        with pytest.raises(OverflowError, match=r"100 \+ 28: typecode 'b' \(c_byte\) has no room"):
            Value("b", 100).add(28)

    @pytest.mark.parametrize("code", "fd")
    def test_sums_of_floats(self, code: str) -> None:
        value = Value(code, 0.5)
        value.add(1)
        assert value.fetch_add(-3.25) == 1.5 and value.value == -1.75
        value.add(math.inf)
        assert value.value == math.inf
        value.add(-math.inf)
        assert math.isnan(value.value)
        value.add(1.0)
        assert math.isnan(value.value)

    def test_a_sum_beyond_single_precision(self) -> None:
        value = Value("f", 3e38)
        with pytest.raises(OverflowError):
            value.add(3e38)
        assert value.value == RawValue("f", 3e38).value

    @pytest.mark.parametrize(("code", "wrong"), [("i", 1.0), ("i", "1"), ("Q", None), ("d", "1"), ("f", b"")])
    def test_what_is_no_amount(self, code: str, wrong: Any) -> None:
        with pytest.raises(TypeError, match="takes a"):
            Value(code).add(wrong)  # type: ignore[misc]

    @pytest.mark.parametrize("code", "cu?")
    def test_what_has_no_sum(self, code: str) -> None:
        with pytest.raises(TypeError, match="no sum"):
            Value(code).add(1)

    def test_an_index_that_raises(self) -> None:
        class Index:
            def __index__(self) -> int:
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            Value("i").add(Index())  # type: ignore[type-var]

    @pytest.mark.parametrize(
        ("code", "old", "new"),
        [
            *((code, limits(code)[0], limits(code)[1]) for code in INTEGERS),
            *(
                ("d", 0.5, math.inf),
                ("f", 0.5, -1.5),
                ("c", b"a", b"\xff"),
                ("u", "a", LAST_CHARACTER),
                ("?", False, True),
            ),
        ],
    )
    def test_exchanges(self, code: str, old: Any, new: Any) -> None:
        value = Value(code, old)
        assert value.exchange(new) == old and value.value == new
        assert value.compare_exchange(old, new) is False and value.value == new
        assert value.compare_exchange(new, old) is True and value.value == old

    def test_floats_are_compared_as_numbers(self) -> None:
        value = Value("d", -0.0)
        assert value.compare_exchange(0.0, math.nan)
        assert value.compare_exchange(math.nan, 1.0)  # they have the same bits
        single = Value("f", 0.1)
        assert single.compare_exchange(0.1, 2.0) and single.value == 2.0

    def test_misuse_of_exchanges(self) -> None:
        value = Value("b", 5)
        for wrong, error in ((128, OverflowError), ("5", TypeError), (None, TypeError)):
            for act in (
                value.exchange,
                lambda it: value.compare_exchange(it, 1),
                lambda it: value.compare_exchange(5, it),
            ):
                with pytest.raises(error):
                    act(wrong)  # type: ignore[operator]
        with pytest.raises(TypeError, match="2 arguments"):
            value.compare_exchange(5)  # type: ignore[call-arg]
        assert value.value == 5

    def test_they_need_no_lock(self, fork: Fork) -> None:
        value = Value("i", 5)
        with value:
            assert fork(lambda line: value.add(1)).join() == 0
        fork(lambda line: value.acquire()).join()  # its owner is dead
        assert value.fetch_add(1) == 6 and value.exchange(9) == 7

    def test_tickets(self, fork: Fork) -> None:
        value = Value("q")

        def draw(line: MessageSocket) -> None:
            line.send(repr([value.fetch_add(1) for _ in range(5_000)]))

        children = [fork(draw) for _ in range(3)]
        drawn = [ticket for child in children for ticket in ast.literal_eval(child.receive())]
        assert sorted(drawn) == list(range(15_000))
        assert [child.join() for child in children] == [0] * 3

    @pytest.mark.attack
    def test_sums_are_exact_with_kills_in_between(self, context: Any, rounds: Callable[[int, int], int]) -> None:
        """Steady children add 1, victims 2^40, so each half of the sum shows what one kind has added."""
        times, total = rounds(100_000, 1_000_000), context.Value("q")
        counts = [context.Value("q") for _ in range(rounds(3, 12))]
        victims = [context.Process(target=sharing.add_and_count, args=(total, 2**40, count)) for count in counts]
        steady = [context.Process(target=sharing.add_at_once, args=(total, 1, times)) for _ in range(4)]
        for child in (*victims, *steady):
            child.start()
        for victim, count in zip(victims, counts, strict=True):
            while count.value < 50:
                assert victim.is_alive()
            victim.kill()
        for child in (*victims, *steady):
            child.join()
        assert [child.exitcode for child in steady] == [0] * 4
        assert total.value % 2**40 == 4 * times
        done = sum(count.value for count in counts)
        assert done <= total.value >> 40 <= done + len(victims)

    @pytest.mark.parametrize("code", "hifd")
    def test_each_size_adds_up(self, fork: Fork, code: str) -> None:
        value = Value(code)
        children = [fork(lambda line: sharing.add_at_once(value, 1, 8_000)) for _ in range(4)]
        assert [child.join() for child in children] == [0] * 4
        assert value.value == 32_000


class TestLock:
    def test_it_has_a_reentrant_lock_of_its_own(self) -> None:
        value, other = Value("i"), Value("i", lock=None)
        assert isinstance(value.get_lock(), RLock) and isinstance(other.get_lock(), RLock)
        assert value.get_lock() is value.get_lock()
        assert value.get_lock() != other.get_lock()
        with value, value.get_lock():
            value.acquire()
            assert repr(value.get_lock()) == "<RLock(MainProcess, 3)>"
            value.release()
        assert not value.get_lock().locked()

    def test_values_may_share_a_lock(self) -> None:
        lock = Lock()
        one, two = Value("i", lock=lock), Value("d", lock=lock)
        assert one.get_lock() is lock and two.getlock() is lock
        with one:
            assert two.acquire(timeout=0.01) is False

    @pytest.mark.parametrize("wrong", [1, "lock", object()])
    def test_a_lock_that_is_none(self, wrong: Any) -> None:
        with pytest.raises(AttributeError, match="True, False or a lock"):
            Value("i", lock=wrong)

    def test_any_lock_that_travels_will_do(self) -> None:
        from processing_sync import Semaphore

        value = Value("i", lock=Semaphore(1))
        with value:
            assert value.acquire(False) is False
        assert pickle.loads(pickle.dumps(value)).acquire(False) is True

    def test_a_raw_value_has_none(self) -> None:
        assert type(Value("i", lock=False)) is ctypes.c_int
        assert not hasattr(Value("i", lock=False), "get_lock")

    def test_the_object_without_its_lock(self) -> None:
        value = Value("i", 5)
        raw = value.get_obj()
        assert type(raw) is ctypes.c_int
        value.getobj().value = 7
        value._obj.value += 1
        assert raw.value == value.value == 8
        assert value._lock is value.get_lock()

    def test_a_dead_holder(self, fork: Fork) -> None:
        value = Value("i")
        fork(lambda line: value.acquire()).join()
        with pytest.raises(OwnerDied), value.get_lock():
            pass


class TestSharing:
    def test_a_pickle_brings_its_lock(self) -> None:
        value = Value("i", 5)
        other = pickle.loads(pickle.dumps(value))
        assert other == value and type(other) is Value and other.get_lock() == value.get_lock()
        other.value = 6
        assert value.value == 6
        with value:
            assert other.get_lock().locked()

    def test_a_raw_pickle(self) -> None:
        value = RawValue("d", 0.5)
        pickle.loads(pickle.dumps(value)).value = 1.5
        assert value.value == 1.5

    def test_half_a_pickle_says_so(self) -> None:
        value = Value("i")
        make, arguments, *_ = value.__reduce__()
        half = make(*arguments)  # type: ignore[operator]
        for act in (half.get_lock, half.__enter__, lambda: half.acquire, half.__reduce__):
            with pytest.raises(ValueError, match="without its lock"):
                act()

    def test_locked_increments_add_up(self, fork: Fork) -> None:
        value = Value("q")

        def add(line: MessageSocket) -> None:
            for _ in range(20_000):
                with value.get_lock():
                    value.value += 1

        children = [fork(add) for _ in range(4)]
        assert [child.join() for child in children] == [0] * 4
        assert value.value == 80_000

    def test_no_reader_sees_half_of_a_write(self, fork: Fork) -> None:
        value, over = RawValue("q", 0), RawValue("?")

        def write(line: MessageSocket) -> None:
            while not over.value:
                value.value = -1
                value.value = 0

        child = fork(write)
        for _ in range(100_000):
            assert value.value in (0, -1)
        over.value = True
        assert child.join() == 0
