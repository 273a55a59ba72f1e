"""Pickles of earlier versions name private modules that have moved: the old names lead to the same objects."""

from __future__ import annotations

import importlib

import pytest

from processing_core import lowlevel

_MOVED = [
    ("_descriptors", "Descriptor", "_fds.descriptors"),
    ("_descriptors", "Lent", "_fds.descriptors"),
    ("_sockets", "_arrived", "_fds.sockets"),
    ("_broker", "fetch", "_fds.server"),
]


@pytest.mark.parametrize(("old", "name", "new"), _MOVED)
def test_the_old_name_leads_to_the_same_object(old: str, name: str, new: str) -> None:
    there = importlib.import_module(f"processing_core.{old}")
    here = importlib.import_module(f"processing_core.{new}")
    assert getattr(there, name) is getattr(here, name)


def test_it_does_though_the_object_has_another_name() -> None:
    there = importlib.import_module("processing_core._luggage")
    here = importlib.import_module("processing_core._fds.inherited")
    assert there.take_out is here.take


def test_lowlevel_has_its_earlier_names() -> None:
    for old, new in lowlevel._EARLIER_NAMES.items():
        assert getattr(lowlevel, old) is getattr(lowlevel, new)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(lowlevel, "nothing")  # noqa: B009 - a name that no checker may know
