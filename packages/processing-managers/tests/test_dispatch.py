"""Requests to a manager's server of ``multiprocessing``."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from processing_managers.managers import RemoteError, convert_to_error, dispatch
from processing_queues import Client

SERVER = """
    import sys
    from multiprocessing.managers import BaseManager, ListProxy

    class Lists(BaseManager):
        pass

    Lists.register("list", list, ListProxy)
    server = Lists(("localhost", 0), b"key").get_server()
    print(server.address[1], flush=True)
    server.serve_forever()
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A server of the standard library."""
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(SERVER)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


def connect(port: int) -> Any:
    only_md5 = sys.version_info < (3, 12)  # what that version's multiprocessing knows
    return Client(("localhost", port), authkey=b"key", protocol="multiprocessing", allow_md5=only_md5)


def test_what_a_server_answers(port: int) -> None:
    with connect(port) as connection:
        ident, exposed = dispatch(connection, None, "create", ("list", [3, 1]))
    assert "append" in exposed
    with connect(port) as connection:
        dispatch(connection, None, "accept_connection", ("the test",))
        dispatch(connection, ident, "append", (2,))
        dispatch(connection, ident, "sort", (), {"reverse": True})
        assert dispatch(connection, ident, "__getitem__", (slice(None),)) == [3, 2, 1]
        with pytest.raises(ValueError, match=r"not in list"):
            dispatch(connection, ident, "index", (9,))


def test_what_a_server_refuses(port: int) -> None:
    with connect(port) as connection, pytest.raises(RemoteError, match="unknown"):
        dispatch(connection, None, "create", ("unknown",))


class Answering:
    """A connection over which one answer comes."""

    def __init__(self, *answer: object) -> None:
        self._answers = [answer]

    def send(self, request: object) -> None:
        """Drop the request: no server reads it."""

    def recv(self) -> object:
        """The answer; the connection keeps no reference to it."""
        return self._answers.pop()


def test_an_exception_is_part_of_no_cycle() -> None:
    class Raised(Exception):  # unlike the built-in ones, it can be referred to weakly
        pass

    references: list[weakref.ref[Raised]] = []
    gc.disable()
    try:
        try:
            dispatch(Answering("#ERROR", Raised()), None, "get")  # type: ignore[arg-type]
        except Raised as error:
            references.append(weakref.ref(error))
        assert [reference() for reference in references] == [None]
    finally:
        gc.enable()


def test_other_kinds_of_answers() -> None:
    assert str(convert_to_error("#UNSERIALIZABLE", "text")).count("Unserializable message: text") == 1
    assert isinstance(convert_to_error("#OTHER", ""), ValueError)
    with pytest.raises(TypeError, match="it must be a str"):
        convert_to_error("#TRACEBACK", 1)
