"""The stand-in for ``typing.NamedTuple`` is like it."""

from __future__ import annotations

import copy
import pickle
import sys
import typing
from typing import Any

import pytest

import processing_core.annotations

if typing.TYPE_CHECKING:
    from typing import NamedTuple
else:
    NamedTuple = processing_core.annotations.NamedTuple


class Point(NamedTuple):
    """Where it is."""

    x: int
    y: int = 2
    """Upwards."""

    def sum(self) -> int:
        return self.x + self.y

    @property
    def kind(self) -> str:
        return __class__.__name__  # type: ignore[name-defined, no-any-return]


class Theirs(typing.NamedTuple):
    x: int
    y: int = 2


@pytest.mark.parametrize("kind", [Point, Theirs])
class TestLikeTypings:
    def test_values_and_names(self, kind: Any) -> None:
        assert kind(1) == kind(1, 2) == kind(x=1, y=2) == kind(1, y=2) == (1, 2)
        assert (kind(1).x, kind(1).y, len(kind(1)), hash(kind(1))) == (1, 2, 2, hash((1, 2)))
        assert repr(kind(1, "a")) == f"{kind.__name__}(x=1, y='a')"

    def test_what_collections_gives_it(self, kind: Any) -> None:
        assert (kind._fields, kind._field_defaults, kind.__match_args__) == (("x", "y"), {"y": 2}, ("x", "y"))
        assert (kind._make([3, 4]), kind(1)._replace(y=5), kind(1)._asdict()) == ((3, 4), (1, 5), {"x": 1, "y": 2})
        assert (type(kind._make([3, 4])), type(kind(1)._replace(x=5))) == (kind, kind)
        assert kind.x.__doc__ == "Alias for field number 0"
        match kind(1):
            case kind(x, y):
                assert (x, y) == (1, 2)

    def test_copies(self, kind: Any) -> None:
        value = kind(1, [2])
        for made in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
            assert (made, type(made)) == (value, kind)
        if sys.version_info >= (3, 13):
            assert copy.replace(value, x=3) == (3, [2])

    def test_it_cannot_be_changed(self, kind: Any) -> None:
        with pytest.raises(AttributeError):
            kind(1).x = 2
        with pytest.raises(AttributeError):
            kind(1).other = 2

    @pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})])
    def test_wrong_values(self, kind: Any, values: Any, named: Any) -> None:
        with pytest.raises(TypeError):
            kind(*values, **named)
        with pytest.raises((TypeError, ValueError)):
            kind._make([1, 2, 3])
        with pytest.raises((TypeError, ValueError)):
            kind(1)._replace(z=3)


def test_its_own_methods_and_text() -> None:
    assert (Point(1).sum(), Point(1).kind, Point.__doc__, Point.__module__) == (3, "Point", "Where it is.", __name__)


def test_the_error_names_fields_and_values() -> None:
    with pytest.raises(TypeError, match=r"Point has the fields x, y; got 1 values, and {'z': 3}"):
        Point(1, z=3)  # type: ignore[call-arg]
