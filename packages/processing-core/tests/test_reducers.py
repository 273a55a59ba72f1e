"""Reducers that programs register for their types, and finalizers."""

from __future__ import annotations

import gc
import io
import pickle
import sys
import threading
from typing import Any

import pytest

import processing_core
from processing_core import NotPicklableError, _reducers, lowlevel
from processing_core.lowlevel import Finalize, ForkingPickler
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

METHODS = pytest.mark.parametrize("method", processing_core.get_all_start_methods())


class Referent:
    pass


class TestForkingPickler:
    @METHODS
    @pytest.mark.parametrize("kind", ["plain", "closure"])
    def test_what_is_registered_counts_for_children(self, method: str, kind: str) -> None:
        scripts.run(
            """
            import sys
            import processing_core
            from processing_core.lowlevel import ForkingPickler, dumps, loads

            class Stubborn:
                def __reduce__(self):
                    raise TypeError("not me")

            def child(stubborn, function):
                assert isinstance(stubborn, Stubborn)
                sys.exit(3)

            ForkingPickler.register(Stubborn, lambda stubborn: (Stubborn, ()))
            assert isinstance(loads(dumps([Stubborn()])[:]), list)
            method, kind = sys.argv[1:]
            context = processing_core.get_context(method)
            process = context.Process(target=child, args=(Stubborn(), (lambda: 1) if kind == "closure" else None))
            process.start()
            process.join()
            assert process.exitcode == 3, process
            """,
            method,
            kind,
        )

    def test_dumps_and_loads(self) -> None:
        data = ForkingPickler.dumps({"a": 1}, 4)
        assert isinstance(data, memoryview)
        assert bytes(data) == pickle.dumps({"a": 1}, 4)
        assert ForkingPickler.loads(data) == {"a": 1}


class TestFinalize:
    def test_when_asked_to_and_once(self) -> None:
        calls: list[Any] = []
        finalize = Finalize(None, lambda *args, **kwargs: calls.append((args, kwargs)), (1,), {"a": 2}, exitpriority=0)
        assert finalize.still_active()
        finalize()
        finalize()
        assert calls == [((1,), {"a": 2})]
        assert not finalize.still_active()

    def test_when_the_object_is_gone(self) -> None:
        calls: list[int] = []
        referent = Referent()
        Finalize(referent, calls.append, (1,))
        assert calls == []
        del referent
        gc.collect()
        assert calls == [1]

    def test_it_can_be_cancelled(self) -> None:
        calls: list[int] = []
        referent = Referent()
        finalize = Finalize(referent, calls.append, (1,))
        finalize.cancel()
        del referent
        gc.collect()
        assert calls == []

    def test_at_exit_by_priority(self) -> None:
        output = scripts.run(
            """
            from processing_core.lowlevel import Finalize, exiting
            for priority in (1, 10, -1):
                Finalize(None, lambda priority: print(priority, exiting()), (priority,), exitpriority=priority)
            assert not exiting()
            """
        )
        assert output.splitlines() == ["10 True", "1 True", "-1 True"]

    def test_misuse(self) -> None:
        with pytest.raises(ValueError, match="exitpriority"):
            Finalize(None, print)
        with pytest.raises(TypeError, match="must be None or int"):
            Finalize(None, print, exitpriority="high")  # type: ignore[arg-type]


@needs_forks
def test_functions_after_forks() -> None:
    scripts.run(
        """
        import os
        from processing_core.lowlevel import register_after_fork

        class Thing:
            forks = 0

        def forked(thing):
            thing.forks += 1

        thing, gone = Thing(), Thing()
        register_after_fork(thing, forked)
        register_after_fork(gone, lambda thing: os._exit(4))
        del gone
        pid = os.fork()
        if pid == 0:
            os._exit(2 + thing.forks)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
        assert thing.forks == 0
        """
    )


class TestByValue:
    """The pickler by value pickles functions and what they refer to, and does not replace objects by others."""

    @pytest.mark.parametrize("write", [lowlevel.dumps, lowlevel.pack], ids=["dumps", "pack"])
    def test_refuses_an_open_file(self, write: Any) -> None:
        with open(__file__) as file:
            with pytest.raises(
                NotPicklableError, match=r"\[1\]: cannot pickle an open file, .*test_reducers.py"
            ) as caught:
                write(["name", file])
            with pytest.raises(NotPicklableError, match="an open file"):
                write(lambda: file)
        assert caught.value.path == "[1]"

    def test_refuses_a_memoryview(self) -> None:
        with pytest.raises(NotPicklableError, match="cannot pickle a memoryview"):
            lowlevel.dumps({"view": memoryview(b"abc")})

    @pytest.mark.parametrize(
        "make", [lambda: (x for x in ()), sys._getframe, threading.Lock, lambda: open(__file__, "rb")]
    )
    def test_refuses_what_plain_pickle_refuses(self, make: Any) -> None:
        value = make()
        with pytest.raises(NotPicklableError, match="cannot pickle"):
            lowlevel.dumps({"value": value, "function": lambda: None})
        getattr(value, "close", lambda: None)()

    def test_a_function_may_hold_the_standard_output(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(sys, "stdout", sys.__stdout__)  # not the stream that captures the output of tests
        out = sys.stdout
        assert pickle.loads(lowlevel.dumps(lambda: out))() is sys.stdout

    def test_a_reducer_of_the_programs_serves_files(self, monkeypatch: Any) -> None:
        monkeypatch.setitem(_reducers._table, io.TextIOWrapper, lambda file: (str, (file.name,)))
        with open(__file__) as file:
            assert pickle.loads(lowlevel.dumps(file)) == __file__
