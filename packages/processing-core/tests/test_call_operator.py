"""A function that an operator calls."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from processing_core._native import _kernel

Operator = _kernel.CallOperator


def test_its_result_is_the_functions() -> None:
    assert Operator(len) @ "abc" == 3
    argument = object()
    count = sys.getrefcount(argument)
    assert Operator(id) @ argument == id(argument)
    assert sys.getrefcount(argument) == count


def test_what_the_function_raises_comes_through() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Operator(int) @ "x"


def test_it_is_no_operand_on_the_right() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        1 @ Operator(len)  # type: ignore[operator]


def test_it_goes_with_its_function() -> None:
    def function(argument: object) -> object:
        return argument

    function.itself = Operator(function)  # type: ignore[attr-defined]
    gone = weakref.ref(function)
    del function
    gc.collect()
    assert gone() is None
