"""Children's log records, handled by the parent."""

from __future__ import annotations

import faulthandler
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

import processing_core
from processing_core import _log_forwarding, lowlevel
from processing_testing.children import killing, logs
from processing_testing.harness import leaks

# Python warns of the thread that handles the records, if it runs when another child is forked.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


class Collecting(logging.Handler):
    """Keeps what it handles."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def texts(self) -> list[str]:
        """The messages."""
        return [record.getMessage() for record in self.records]


@pytest.fixture
def handler() -> Iterator[Collecting]:
    """The root logger's handler, beside pytest's."""
    handler, root = Collecting(), logging.getLogger()
    root.addHandler(handler)
    level = root.level
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def without_faulthandler(request: pytest.FixtureRequest) -> Iterator[None]:
    """As in most programs; a forked child would print its report past pytest."""
    faulthandler.disable()
    yield
    faulthandler.enable(request.config.stash[fault_handler_stderr_fd_key])


@pytest.fixture
def run(context: processing_core.BaseContext, handler: Collecting) -> Iterator[Callable[..., Any]]:
    """Runs a function in a child that forwards, and waits for its end."""
    warm = context.Process(target=logging.getLogger)  # so that what a start method keeps on purpose exists
    warm.start()
    warm.join()
    warm.close()
    cells = lowlevel.stats()["cells"]

    def run(target: Callable[..., object], *args: object) -> Any:
        process = context.Process(target=target, args=args, forward_logs=True)
        process.start()
        process.join()
        return process

    with leaks.leaves_nothing():
        yield run
        gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "processing log receiver"]
    lowlevel.sweep()
    assert lowlevel.stats()["cells"] <= cells


class TestRecords:
    def test_who_made_it(self, run: Callable[..., Any], handler: Collecting) -> None:
        process = run(logs.log, "a.b", logging.ERROR, "%s and %d", "one", 2)
        (record,) = handler.records
        assert (record.name, record.levelname, record.getMessage()) == ("a.b", "ERROR", "one and 2")
        assert (record.processName, record.process) == (process.name, process.pid or record.process)
        assert record.args == ("one", 2)
        assert record.filename == "logs.py"

    def test_the_order(self, run: Callable[..., Any], handler: Collecting) -> None:
        run(logs.log_many, 3000)
        assert handler.texts() == [*map(str, range(3000))]

    def test_what_does_not_pickle(self, run: Callable[..., Any], handler: Collecting) -> None:
        run(logs.log_strange_things)
        assert handler.texts() == ["a <unpicklable> b", "c <one way> d", "failed"]
        failed = handler.records[2]
        assert failed.exc_text is not None
        assert failed.exc_text.endswith("KeyError: 'inner'")
        assert "KeyError" in logging.Formatter().format(failed)

    @pytest.mark.filterwarnings("default")
    def test_warnings(self, run: Callable[..., Any], handler: Collecting) -> None:
        run(logs.warn)
        (record,) = handler.records
        assert record.name == "py.warnings"
        assert "UserWarning: careful" in record.getMessage()

    @pytest.mark.parametrize("how", ["segfault", "kill"])
    @pytest.mark.usefixtures("without_faulthandler")
    def test_of_a_child_that_dies(self, run: Callable[..., Any], handler: Collecting, how: str) -> None:
        process = run(logs.log_and_crash, how)
        assert process.exitcode == (killing.CRASHED if how == "segfault" else -killing.SIGKILL)
        assert handler.texts()[0] == "last words"
        crash = handler.records[1:]
        if how == "segfault" and crash:  # unless the forkserver has had faulthandler since its start
            assert crash[0].levelname == "CRITICAL"
            assert "Segmentation fault" in crash[0].getMessage()
            assert crash[0].processName == process.name
        else:
            assert crash == []


class TestLevels:
    def test_the_parent_s(self, run: Callable[..., Any], handler: Collecting) -> None:
        logging.getLogger().setLevel(logging.INFO)
        logging.getLogger("loud").setLevel(logging.DEBUG)
        try:
            for name in ("loud", "other"):
                run(logs.log, name, logging.DEBUG, name)
                run(logs.log, name, logging.INFO, name.upper())
        finally:
            logging.getLogger("loud").setLevel(logging.NOTSET)
        assert handler.texts() == ["loud", "LOUD", "OTHER"]

    def test_handlers_and_propagation_of_a_logger(self, run: Callable[..., Any], handler: Collecting) -> None:
        own, logger = Collecting(), logging.getLogger("own")
        logger.addHandler(own)
        logger.propagate = False
        try:
            run(logs.log, "own.part", logging.WARNING, "mine")
        finally:
            logger.removeHandler(own)
            logger.propagate = True
        assert (own.texts(), handler.texts()) == (["mine"], [])

    def test_a_handler_that_raises(
        self, run: Callable[..., Any], handler: Collecting, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(record: logging.LogRecord) -> bool:
            raise OSError("refused")

        logging.getLogger("bad").addFilter(refuse)
        try:
            run(logs.log, "bad", logging.WARNING, "lost")
            run(logs.log, "good", logging.WARNING, "there")
        finally:
            logging.getLogger("bad").removeFilter(refuse)
        assert handler.texts() == ["there"]
        assert "OSError: refused" in capsys.readouterr().err


def test_grandchildren(context: processing_core.BaseContext, handler: Collecting) -> None:
    processing_core.forward_logs()
    try:
        process = context.Process(target=logs.log_in_child, args=(context.get_start_method(),))
        process.start()
        process.join()
    finally:
        processing_core.forward_logs(False)
    assert handler.texts() == ["deep"]
    assert _log_forwarding._state.receiver is None


def test_a_slow_parent_holds_the_child_up_and_gets_all(
    run: Callable[..., Any], handler: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_log_forwarding, "LARGEST_BACKLOG", 10_000)
    run(logs.log_many, 1000)
    assert handler.texts() == [*map(str, range(1000))]


def test_nothing_without_it(context: processing_core.BaseContext, handler: Collecting) -> None:
    process = context.Process(target=logs.log, args=("x", logging.ERROR, "unseen"), forward_logs=False)
    process.start()
    process.join()
    if context.get_start_method() != "fork":  # whose child has a copy of the handler
        assert handler.texts() == []
    assert _log_forwarding._state.receiver is None


def test_a_start_that_fails_leaves_no_thread() -> None:
    process = processing_core.get_context("spawn").Process(
        target=logs.log, args=(logs.Unpicklable(),), forward_logs=True
    )
    with pytest.raises(TypeError):
        process.start()
    assert _log_forwarding._state.receiver is None


def test_lost_records_are_counted(handler: Collecting) -> None:
    _log_forwarding._deliver({"name": "x", "levelno": 30, "message": "next", "processName": "P", "lost": 3}, None)
    assert handler.texts() == ["3 log records of process P were lost: its parent did not take them", "next"]
