"""Names that libraries take from `multiprocessing.util`."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from processing_core import util
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import START_METHODS, needs_forks, needs_numbered_descriptors

METHODS = pytest.mark.parametrize("method", START_METHODS)


class TestTempDir:
    @METHODS
    def test_a_family_has_one_and_it_goes_with_the_process_that_made_it(self, method: str) -> None:
        directory = scripts.run(
            """
            import os, sys
            import processing_core
            from processing_core import util

            def child(expected):
                assert util.get_temp_dir() == expected
                open(os.path.join(expected, "left"), "w").close()

            directory = util.get_temp_dir()
            assert os.path.isdir(directory) and util.get_temp_dir() == directory
            process = processing_core.get_context(sys.argv[1]).Process(target=child, args=(directory,))
            process.start()
            process.join()
            assert process.exitcode == 0 and os.listdir(directory) == ["left"]
            print(directory)
            """,
            method,
        ).strip()
        assert directory
        assert not Path(directory).exists()


class TestForkAware:
    @needs_forks
    def test_a_lock_is_free_in_a_forked_child(self) -> None:
        lock = util.ForkAwareThreadLock()
        with lock:
            assert not lock.acquire(False)
            assert _in_forked_child(lambda: lock.acquire(False))
        assert lock.acquire(True, 1)
        lock.release()

    @needs_forks
    def test_a_local_is_empty_in_a_forked_child(self) -> None:
        local: Any = util.ForkAwareLocal()
        local.here = 1
        assert _in_forked_child(lambda: not hasattr(local, "here"))
        assert local.here == 1
        there = []
        thread = threading.Thread(target=lambda: there.append(hasattr(local, "here")))
        thread.start()
        thread.join()
        assert there == [False]

    def test_a_local_is_empty_where_it_is_unpickled(self) -> None:
        local: Any = util.ForkAwareLocal()
        local.here = 1
        assert not hasattr(pickle.loads(pickle.dumps(local)), "here")


class TestDescriptors:
    @needs_forks
    def test_all_but_some_are_closed(self) -> None:
        read_end, write_end = os.pipe()

        def close() -> bool:
            util.close_all_fds_except([write_end])
            os.write(write_end, b"x")
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(read_end)
            return True

        assert _in_forked_child(close)
        os.close(read_end)
        os.close(write_end)

    @needs_numbered_descriptors
    def test_a_program_gets_those_that_it_is_to_have(self) -> None:
        read_end, write_end = os.pipe()
        pid = util.spawnv_passfds(
            b"/bin/sh", [b"sh", b"-c", f"echo -n said >/dev/fd/{write_end}".encode()], [write_end]
        )
        os.close(write_end)
        assert os.waitpid(pid, 0) == (pid, 0)
        assert os.read(read_end, 10) == b"said"
        os.close(read_end)


@pytest.mark.parametrize(
    ("address", "abstract"),
    [(None, False), ("", False), ("/tmp/x", False), ("\0x", True), (b"\0x", True), (b"/tmp/x", False)],
)
def test_abstract_names(address: str | bytes | None, abstract: bool) -> None:
    assert util.is_abstract_socket_namespace(address) is abstract


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(TypeError, match="unrecognized"):
        util.is_abstract_socket_namespace(3)  # type: ignore[arg-type]


class TestLogging:
    @METHODS
    def test_the_root_loggers_level_holds_in_children(self, method: str) -> None:
        """As in ``multiprocessing``, if the project's logger has no level of its own."""
        scripts.run(
            """
            import logging, sys
            import processing_core
            from processing_core import util

            def child(level):
                sys.exit(util.get_logger().getEffectiveLevel() != level)

            def level_in_child():
                process = processing_core.get_context(sys.argv[1]).Process(target=child, args=(expected,))
                process.start()
                process.join()
                return process.exitcode

            util.get_logger()
            logging.getLogger().setLevel(expected := 33)
            assert level_in_child() == 0
            util.get_logger().setLevel(expected := 17)
            assert level_in_child() == 0
            """,
            method,
        )

    def test_it_warns(self) -> None:
        output = scripts.run(
            """
            import logging, sys
            from processing_core import util
            util.warn("nobody hears %s", "this")
            util.get_logger().addHandler(logging.StreamHandler(sys.stdout))
            util.get_logger().setLevel(util.WARNING)
            util.warn("beware of %s", "the dog")
            util.info("not said")
            """
        )
        assert output == "beware of the dog\n"


def _in_forked_child(check: Any) -> bool:
    """Whether a function returns a true value in a forked child."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if check() else 1)
        except BaseException:
            os._exit(2)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    return os.waitpid(pid, 0)[1] == 0


class TestFinalizers:
    def test_they_run_by_priority_and_the_rest_is_dropped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        called: list[str] = []
        before = dict(util.finalizers)
        util.finalizers.clear()
        try:
            for name, priority in (("low", 0), ("high", 9), ("second high", 9), ("never", None)):
                util.Finalize(self, called.append, (name,), exitpriority=priority)
            util.run_finalizers(5)
            assert called == ["second high", "high"]
            util.run_finalizers()
            assert called == ["second high", "high", "low"]
            assert not util.finalizers
        finally:
            util.finalizers.update(before)

    def test_one_that_raises_does_not_stop_the_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[object] = []
        monkeypatch.setattr(sys, "excepthook", lambda kind, *rest: told.append(kind))
        called: list[int] = []
        util.Finalize(None, lambda: 1 / 0, exitpriority=70)
        util.Finalize(None, called.append, (1,), exitpriority=60)
        util.run_finalizers(60)
        assert (told, called) == ([ZeroDivisionError], [1])


def test_a_record_names_the_line_that_logged(caplog: pytest.LogCaptureFixture) -> None:
    logger = util.get_logger()
    logger.addHandler(caplog.handler)
    level = logger.level
    logger.setLevel("DEBUG")
    try:
        for log in (util.sub_debug, util.debug, util.info, util.sub_warning, util.warn):
            log("told")
    finally:
        logger.setLevel(level)
        logger.removeHandler(caplog.handler)
    assert {record.filename for record in caplog.records if record.message == "told"} == {"test_util.py"}


@needs_forks
def test_entries_that_a_library_puts_there_itself_are_called_in_forked_children() -> None:
    source = """
        import os
        from processing_core import util

        class Object:
            pass

        kept = Object()
        util.after_fork[next(util.numbers), id(kept), lambda obj: print("called", obj is kept, flush=True)] = kept
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    """
    assert scripts.run(source) == "called True\n"
