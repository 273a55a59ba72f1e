"""A method that runs although a signal handler raises at its very beginning."""

from __future__ import annotations

import gc
import weakref

import pytest

from processing_core.lowlevel import ExitMethod


class Interrupted(Exception): ...


class Scope:
    """Counts the calls of `end`: the first *before* calls raise before it has begun; *after* makes it raise then."""

    def __init__(self, before: int = 0, after: int = 0) -> None:
        self.before, self.after, self.calls, self.ended = before, after, 0, 0

    def __enter__(self) -> None: ...

    def end(self, *error: object, begun: list[int]) -> str:
        self.calls += 1
        if self.calls <= self.before:
            raise Interrupted("before")
        begun.append(1)
        if self.after:
            raise Interrupted("after")
        self.ended += 1
        return ""

    __exit__ = ExitMethod(end)


def test_it_is_called_as_a_method() -> None:
    scope = Scope()
    with scope:
        pass
    assert (scope.calls, scope.ended) == (1, 1)
    with pytest.raises(KeyError), scope:
        raise KeyError
    assert scope.ended == 2
    assert scope.__exit__(None, None, None) == ""
    assert Scope.__exit__(scope, None, None, None) == ""


def test_what_raised_before_it_began_is_called_again_and_raised() -> None:
    scope = Scope(before=1)
    with pytest.raises(Interrupted, match="before"), scope:
        pass
    assert (scope.calls, scope.ended) == (2, 1)


def test_what_had_begun_is_not_called_again() -> None:
    scope = Scope(after=1)
    with pytest.raises(Interrupted, match="after"), scope:
        pass
    assert (scope.calls, scope.ended) == (1, 0)


def test_the_first_exception_stands() -> None:
    scope = Scope(before=2)
    with pytest.raises(Interrupted, match="before"), scope:
        pass
    assert (scope.calls, scope.ended) == (2, 0)


def test_it_is_freed_with_its_owner() -> None:
    scope = Scope()
    scope.bound = scope.__exit__  # type: ignore[attr-defined]
    gone = weakref.ref(scope)
    del scope
    gc.collect()
    assert gone() is None
