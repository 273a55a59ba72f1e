"""The parent gets what a child raised: `Process.exception`, and `excepthook`."""

from __future__ import annotations

import os
import select
import signal
import threading
import traceback

import pytest

import processing_core
from processing_core import BaseContext, Process, RemoteException, RemoteTraceback, _outcome, lowlevel
from processing_testing.children import functions as children
from processing_testing.children import odd
from processing_testing.harness import leaks, scripts
from processing_testing.harness.mechanisms import needs_selectable_pipes, needs_signals_to_processes
from processing_testing.harness.rendezvous import Rendezvous


def failed(context: BaseContext, kind: str) -> Process:
    process = context.Process(target=children.raise_it, args=(kind,))
    process.start()
    process.join(30)
    assert process.exitcode == 1
    return process


class TestException:
    def test_is_what_the_child_raised(self, context: BaseContext) -> None:
        error = (process := failed(context, "ValueError")).exception
        assert type(error) is ValueError and error.args == ("the reason", 1)
        assert error.__notes__ == ["a note"]
        assert error is process.exception
        assert type(error.__cause__) is RemoteTraceback
        told = "".join(traceback.format_exception(error))
        for part in ["LookupError: the cause", "in raise_it", "a note", "RemoteTraceback"]:
            assert part in told

    @pytest.mark.parametrize("kind", ["KeyboardInterrupt", "GeneratorExit"])
    def test_may_be_no_exception_of_ours(self, context: BaseContext, kind: str) -> None:
        assert type(failed(context, kind).exception).__name__ == kind

    def test_may_be_large(self, context: BaseContext) -> None:
        assert len(str(failed(context, "large").exception)) == 3_000_000

    @pytest.mark.parametrize(
        ("kind", "text", "reason"),
        [
            ("UnloadableError", "onetwo", "cannot be unpickled: TypeError: UnloadableError.__init__"),
            (
                "UnpicklableError",
                "the text",
                "cannot be pickled: NotPicklableError: lock: cannot pickle '_thread.lock' object",
            ),
            ("Unshowable", "<its __str__ failed>", "cannot be pickled: ValueError: not pickled"),
            ("UnpicklesAsText", "the text", "was unpickled as 'str'"),
        ],
    )
    def test_has_a_stand_in(self, context: BaseContext, kind: str, text: str, reason: str) -> None:
        error = failed(context, kind).exception
        assert isinstance(error, RemoteException)
        assert (error.kind, error.text) == (f"processing_testing.children.functions.{kind}", text)
        assert reason in error.reason and error.reason in str(error)
        assert "in raise_it" in str(error.__cause__)

    @pytest.mark.parametrize("kind", odd.ERRORS)
    def test_may_refuse(self, context: BaseContext, kind: str) -> None:
        """Frozen, slotted, without a repr or cause, with a reduce or unpickling that exits: the parent gets it."""
        process = context.Process(target=odd.fail, args=(kind,))
        process.start()
        process.join(30)
        error = process.exception
        assert process.exitcode == 1
        assert isinstance(error, (odd.ERRORS[kind], RemoteException))
        assert "in fail" in str(BaseException.__dict__["__cause__"].__get__(error))
        assert error is process.exception

    def test_is_none_where_nothing_was_raised(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.report_and_wait, args=(rendezvous.address,))
        assert process.exception is None
        process.start()
        assert process.exception is None
        rendezvous.accept().release()
        process.join(30)
        assert process.exception is None
        for target, argument in [(children.exit_with, "text"), (children.die_at_once, 1), (children.die_by, 9)]:
            process = context.Process(target=target, args=(argument,))
            process.start()
            process.join(30)
            assert process.exitcode and process.exception is None
        process.close()
        with pytest.raises(processing_core.ClosedError):
            _ = process.exception
        assert processing_core.current_process().exception is None

    @needs_selectable_pipes
    def test_is_there_when_the_sentinel_says_so(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.raise_after_release, args=(rendezvous.address,))
        process.start()
        rendezvous.accept().release()
        assert select.select([process.sentinel], [], [], 30)[0]
        assert str(process.exception) == "released"

    def test_of_one_that_could_not_be_unpickled(self, method: str, context: BaseContext) -> None:
        if method == "fork":
            pytest.skip("nothing is unpickled")
        process = context.Process(target=children.nothing, args=(children.Unloadable(),))
        process.start()
        process.join(30)
        assert (process.exitcode, repr(process.exception)) == (1, "ValueError('does not load')")

    def test_each_gets_its_own(self, context: BaseContext) -> None:
        processes = [context.Process(target=children.fail, args=(f"number {i}",)) for i in range(6)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(30)
        assert [str(process.exception) for process in reversed(processes)] == [f"number {i}" for i in range(5, -1, -1)]

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_threads_see_the_same(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.raise_after_release, args=(rendezvous.address,))
        process.start()
        seen: list[str] = []

        def look() -> None:
            process.join(30)
            seen.append(repr(process.exception))

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        rendezvous.accept().release()
        for thread in threads:
            thread.join()
        assert seen == ["ValueError('released')"] * 8

    def test_leaves_nothing(self, context: BaseContext) -> None:
        failed(context, "ValueError")
        before = lowlevel.stats()
        with leaks.leaves_nothing():
            for kind in ["ValueError", "UnloadableError", "UnpicklableError"] * 3:
                failed(context, kind)  # the test does not read the exception
            assert processing_core.active_children() == []
        after = lowlevel.stats()
        assert after["cells"] <= before["cells"]  # cells that earlier tests left may be freed meanwhile
        assert after["used"] - before["used"] <= 64 << 10  # the segments of the queue may grow to this size
        assert _outcome._state.arrived == []

    def test_a_child_has_a_queue_of_its_own(self, context: BaseContext, method: str, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.report_failed_child, args=(rendezvous.address, method))
        process.start()
        assert rendezvous.receive() == ["ValueError('of a grandchild')"]
        process.join(30)
        assert (process.exitcode, process.exception) == (0, None)

    def test_works_when_the_arena_is_full(self, context: BaseContext, method: str) -> None:
        program = """
            import sys, processing_core as p
            from processing_core import lowlevel
            from processing_testing.children import functions as children
            p.set_arena_limit(16 << 20)
            context = p.get_context(sys.argv[1])
            first = context.Process(target=children.nothing); first.start(); first.join()
            process = context.Process(target=children.fail_in_a_full_arena)
            process.start(); process.join()
            print(process.exitcode, process.exception)
        """
        assert scripts.run(program, method, PYTHONUNBUFFERED="1").split() == ["1", "None"]


@needs_signals_to_processes
class TestSignals:
    def test_interrupt(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.wait_for_interrupt, args=(rendezvous.address,))
        with pytest.raises(processing_core.StateError, match="can only signal a started process"):
            process.interrupt()
        process.start()
        peer = rendezvous.accept()
        peer.receive()
        process.interrupt()
        assert peer.receive() == "KeyboardInterrupt"
        process.join(30)
        assert (process.exitcode, type(process.exception)) == (1, KeyboardInterrupt)
        process.interrupt()

    def test_a_signal_interrupts_join(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        """The handler runs while the main thread joins, and what it raises ends the join."""
        process = context.Process(target=children.report_and_wait, args=(rendezvous.address,))
        process.start()
        peer = rendezvous.accept()

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGUSR1, interrupt)
        try:
            timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                process.join()
            timer.join()
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert process.is_alive()
        peer.release()
        process.join(30)
        assert process.exitcode == 0


class TestExcepthook:
    PROGRAM = """
        import sys
        import processing_core
        from processing_testing.children import functions as children
        process = processing_core.get_context(sys.argv[1]).Process(
            target=children.fail_with_hook, args=(sys.argv[2] == "broken",), name="the name")
        process.start()
        process.join()
        print(process.exitcode, repr(process.exception))
    """

    def test_is_called(self, method: str) -> None:
        assert scripts.run(self.PROGRAM, method, "sound").splitlines() == [
            "hooked ValueError the reason the name",
            "1 ValueError('the reason')",
        ]

    @pytest.mark.parametrize("kind", ["frozen", "uncaused", "no truth value"])
    def test_shows_what_refuses_to_be_shown(self, method: str, kind: str) -> None:
        program = """
            import sys
            import processing_core
            from processing_testing.children import odd

            if __name__ == "__main__":
                process = processing_core.get_context(sys.argv[1]).Process(target=odd.fail, args=(sys.argv[2],))
                process.start()
                process.join()
        """
        shown = scripts.errors(program, method, kind)
        assert shown.count("Traceback") == 1 and "in fail" in shown and odd.ERRORS[kind].__name__ in shown

    def test_may_fail(self, method: str) -> None:
        program = "import sys; sys.stderr = sys.stdout\n" + scripts.textwrap.dedent(self.PROGRAM).replace(
            "children.fail_with_hook", "children.to_stdout, kwargs={'target': children.fail_with_hook}"
        )
        lines = scripts.run(program, method, "broken").splitlines()
        assert lines[0] == "Exception in processing.excepthook:"
        assert "ValueError: the reason" in lines and "ValueError: the hook's own" in lines
        assert lines[-1] == "1 ValueError('the reason')"

    def test_default(self, capsys: pytest.CaptureFixture[str]) -> None:
        process = Process(name="somebody")
        for error in [ValueError("text"), SystemExit("silence"), KeyboardInterrupt()]:
            args = processing_core.ExceptHookArgs(type(error), error, None, process)
            processing_core.excepthook(args)
        assert capsys.readouterr().err == "Process somebody:\nValueError: text\n"


class TestNames:
    def test_everything_of_thread_and_of_multiprocessing(self) -> None:
        program = """
            import multiprocessing, threading, processing_core
            for other in (multiprocessing.Process, threading.Thread):
                print([name for name in dir(other) if name[0] != "_" and not hasattr(processing_core.Process, name)])
        """
        assert scripts.run(program).splitlines() == ["[]", "[]"]

    def test_native_id(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        process = context.Process(target=children.report_native_id, args=(rendezvous.address,))
        assert process.native_id is None
        process.start()
        of_thread, of_process = rendezvous.receive()
        assert of_process == process.native_id == process.pid
        assert (of_thread == of_process) == (threading.main_thread().native_id == os.getpid())
        process.join(30)


def test_a_parent_that_has_ended_is_told_nothing() -> None:
    scripts.run(
        """
        from processing_core import _outcome, lowlevel
        lowlevel.ensure_family()
        mailbox = _outcome.mailbox()
        _outcome.report(mailbox, ValueError("heard"))
        assert _outcome.take(lowlevel.member()[1]).text == "heard"
        _outcome._state.queue = None
        _outcome.report(mailbox, ValueError("unheard"))
        lowlevel.verify()
        assert lowlevel.stats()["cells"] == 0
        """
    )
