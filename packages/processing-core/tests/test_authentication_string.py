"""A process's key is neither shown nor pickled by accident."""

from __future__ import annotations

import copy
import pickle

import pytest

import processing_core
import processing_core.lowlevel
from processing_core import current_process
from processing_core._authentication_string import AuthenticationString
from processing_testing.children import functions as children

METHODS = processing_core.get_all_start_methods()


def test_it_is_bytes_and_is_not_shown() -> None:
    key = current_process().authkey
    assert isinstance(key, bytes) and isinstance(key, AuthenticationString)
    for shown in (repr(key), str(key), f"{key}", f"{key!r}", repr({"key": key})):
        assert "<AuthenticationString>" in shown
        assert repr(bytes(key))[2:-1] not in shown


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy, processing_core.lowlevel.dumps])
def test_it_does_not_pickle(write: object) -> None:
    for what in (current_process().authkey, [current_process().authkey], {"key": current_process().authkey}):
        if write is copy.copy and isinstance(what, (list, dict)):
            continue
        with pytest.raises((TypeError, processing_core.NotPicklableError), match="disallowed for security reasons"):
            write(what)  # type: ignore[operator]


@pytest.mark.parametrize("method", METHODS)
def test_it_goes_with_a_process_that_is_started(method: str) -> None:
    process = processing_core.get_context(method).Process(
        target=children.exit_unless_same_key, args=(current_process().authkey,)
    )
    process.start()
    process.join(30)
    assert process.exitcode == 0


def test_it_can_be_set() -> None:
    before = current_process().authkey
    try:
        for key in (b"bytes", bytearray(b"bytes"), "bytes"):
            current_process().authkey = key  # type: ignore[assignment]
            assert type(current_process().authkey) is AuthenticationString
            assert current_process().authkey == b"bytes"
    finally:
        current_process().authkey = before


@pytest.mark.parametrize("key", [5, None, [1, 2], 1.5])
def test_it_is_set_to_bytes_or_text(key: object) -> None:
    """``bytes(5)`` would be five zeros, which an attacker can guess."""
    before = current_process().authkey
    with pytest.raises(TypeError, match=f"authkey must be bytes or str, not {type(key).__name__}"):
        current_process().authkey = key  # type: ignore[assignment]
    assert current_process().authkey == before
