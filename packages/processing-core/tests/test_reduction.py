"""Names that libraries take from `multiprocessing.reduction`, and contexts' ``reducer``."""

from __future__ import annotations

import io
import os
import pickle
import socket

import pytest

import processing_core
import processing_core.lowlevel
from processing_core import reduction
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import (
    START_METHODS,
    UNFORKED,
    needs_blocking_flags,
    needs_descriptors_in_messages,
)

METHODS = pytest.mark.parametrize("method", START_METHODS)


@needs_descriptors_in_messages
class TestDescriptors:
    def test_they_travel_over_a_socket(self) -> None:
        read_end, write_end = os.pipe()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            reduction.sendfds(ours, [read_end, write_end])
            there = reduction.recvfds(theirs, 2)
        os.write(there[1], b"x")
        assert os.read(read_end, 1) == b"x"
        assert not any(map(os.get_inheritable, there))
        for fd in (read_end, write_end, *there):
            os.close(fd)

    def test_a_sender_that_is_gone(self) -> None:
        ours, theirs = socket.socketpair()
        ours.close()
        with theirs, pytest.raises(EOFError):
            reduction.recvfds(theirs, 1)

    def test_too_few_are_none(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            reduction.sendfds(ours, [0])
            with pytest.raises(OSError, match="2 descriptors were to be received, and 1 arrived"):
                reduction.recvfds(theirs, 2)


@pytest.mark.skipif(hasattr(socket, "SCM_RIGHTS"), reason="sockets carry descriptors here")
def test_a_socket_that_carries_no_descriptors() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for refused in (
            lambda: reduction.sendfds(ours, [ours.fileno()]),
            lambda: reduction.send_handle(ours, ours.fileno(), None),
            lambda: reduction.recvfds(theirs, 1),
            lambda: reduction.recv_handle(theirs),
        ):
            with pytest.raises(OSError, match="carry no descriptors"):
                refused()


def test_an_object_is_dumped() -> None:
    file = io.BytesIO()
    reduction.dump([1], file)
    assert pickle.loads(file.getvalue()) == [1]


class TestReducer:
    def test_it_is_the_module(self) -> None:
        for context in (processing_core.get_context(method) for method in (None, *START_METHODS)):
            assert context.reducer is reduction

    @METHODS
    def test_a_programs_own_pickles_what_goes_to_children(self, method: str) -> None:
        scripts.run(
            """
            import sys
            import processing_core
            from processing_core import reduction

            class Stubborn:
                def __reduce__(self):
                    raise TypeError("it does not pickle by itself")

            class Pickler(reduction.ForkingPickler):
                def reducer_override(self, obj):
                    return (str, ("a stubborn one",)) if isinstance(obj, Stubborn) else NotImplemented

            class Reducer(reduction.AbstractReducer):
                ForkingPickler = Pickler

            def child(word):
                sys.exit(word != "a stubborn one")

            context = processing_core.get_context(sys.argv[1])
            context.reducer = reducer = Reducer()
            assert context.reducer is reducer and processing_core.get_context("spawn").reducer is reducer
            thing = "a stubborn one" if sys.argv[1] == "fork" else Stubborn()
            process = context.Process(target=child, args=(thing,))
            process.start()
            process.join()
            assert process.exitcode == 0
            context.reducer = None
            assert context.reducer is reduction
            """,
            method,
        )

    def test_another_thing_is_refused(self) -> None:
        with pytest.raises(TypeError, match="ForkingPickler of .* must be a class derived from pickle.Pickler"):
            processing_core.get_context().reducer = type("Wrong", (), {"ForkingPickler": dict})
        assert processing_core.get_context().reducer is reduction


class TestAssertSpawning:
    def test_nothing_is_being_started(self) -> None:
        with pytest.raises(RuntimeError, match="list objects should only be shared between processes through inherit"):
            processing_core.lowlevel.assert_spawning([])

    @pytest.mark.parametrize("method", UNFORKED)
    def test_it_holds_while_a_process_is_packed_and_no_longer(self, method: str) -> None:
        scripts.run(
            """
            import sys
            import processing_core
            from processing_core.lowlevel import assert_spawning, get_spawning_popen

            class OnlyForChildren:
                def __getstate__(self):
                    assert_spawning(self)
                    return {"popen": get_spawning_popen() is not None}

            def child(thing):
                sys.exit(not thing.popen or get_spawning_popen() is not None)

            thing = OnlyForChildren()
            process = processing_core.get_context(sys.argv[1]).Process(target=child, args=(thing,))
            process.start()
            process.join()
            assert process.exitcode == 0 and get_spawning_popen() is None
            """,
            method,
        )

    def test_a_library_that_starts_processes_says_so(self) -> None:
        marker = object()
        processing_core.lowlevel.set_spawning_popen(marker)
        try:
            processing_core.lowlevel.assert_spawning([])
            assert processing_core.lowlevel.get_spawning_popen() is marker
        finally:
            processing_core.lowlevel.set_spawning_popen(None)
        assert processing_core.lowlevel.get_spawning_popen() is None


class TestSocketsOfOthers:
    """Whether a descriptor blocks is a flag of all processes that have it."""

    @needs_blocking_flags
    @pytest.mark.parametrize("default", [None, 5.0])
    @pytest.mark.parametrize("blocks", [False, True])
    def test_a_socket_that_arrives_does_not_change_the_flag(self, default: float | None, blocks: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as sent:
            pickled = processing_core.lowlevel.dumps(sent)
            sent.setblocking(blocks)
            socket.setdefaulttimeout(default)
            try:
                arrived = processing_core.lowlevel.loads(pickled)
            finally:
                socket.setdefaulttimeout(None)
            with arrived:
                assert os.get_blocking(sent.fileno()) is blocks

    @pytest.mark.parametrize("timeout", [None, 0.0, 5.0])
    def test_the_timeout_arrives(self, timeout: float | None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as sent:
            sent.settimeout(timeout)
            with processing_core.lowlevel.loads(processing_core.lowlevel.dumps(sent)) as arrived:
                assert arrived.gettimeout() == timeout
