"""The project's logger, by both generations of names."""

from __future__ import annotations

import logging

import pytest

import processing_core
from processing_testing.harness import scripts

METHODS = pytest.mark.parametrize("method", processing_core.get_all_start_methods())


def run(source: str, *arguments: str) -> list[str]:
    return scripts.run(source, *arguments).splitlines()


class TestNames:
    def test_levels(self) -> None:
        assert processing_core.NOTSET == logging.NOTSET
        assert processing_core.DEBUG == logging.DEBUG
        assert processing_core.INFO == logging.INFO
        assert processing_core.SUBDEBUG < processing_core.DEBUG
        assert processing_core.INFO < processing_core.SUBWARNING < logging.WARNING

    def test_contexts_have_them(self) -> None:
        scripts.run(
            """
            import processing_core
            context = processing_core.get_context()
            logger = processing_core.get_logger()
            assert context.getLogger() is None
            context.enableLogging(processing_core.DEBUG)
            assert context.getLogger() is context.get_logger() is context.log_to_stderr("ERROR") is logger
            """
        )


def test_nothing_imports_logging_before_it_is_asked_for() -> None:
    scripts.run(
        """
        import sys, processing_core
        assert "logging" not in sys.modules
        assert processing_core.getLogger() is None
        assert "logging" not in sys.modules
        assert processing_core.get_logger().name == "processing"
        assert "logging" in sys.modules
        """
    )


class TestGetLogger:
    def test_it_is_one_and_does_not_propagate(self) -> None:
        scripts.run(
            """
            import logging, processing_core
            logger = processing_core.get_logger()
            assert logger is processing_core.get_logger() is logging.getLogger("processing")
            assert logger.level == logging.NOTSET
            assert not logger.propagate
            assert not logger.handlers
            assert processing_core.getLogger() is None  # 0.52's is not there yet
            assert logging.getLevelName(5) == "SUBDEBUG"
            assert logging.getLevelName(25) == "SUBWARNING"
            """
        )


class TestLogToStderr:
    def test_one_handler_however_often(self) -> None:
        output = run(
            """
            import sys
            sys.stderr = sys.stdout
            import processing_core
            for level in (None, "WARNING", processing_core.INFO):
                logger = processing_core.log_to_stderr(level)
            logger.info("hello %s", "there")
            logger.debug("not this")
            """
        )
        assert output == ["[INFO/MainProcess] hello there", "[INFO/MainProcess] process shutting down"]


class TestEnableLogging:
    def test_levels_and_format(self) -> None:
        output = run(
            """
            import logging, sys
            import processing_core as p
            p.enableLogging(p.SUBWARNING, logging.StreamHandler, (sys.stdout,), "%(levelname)s %(message)s")
            logger = p.getLogger()
            assert logger is p.get_logger()
            logger.info("not this")
            logger.log(p.SUBWARNING, "this")
            p.enableLogging(level=p.SUBDEBUG)  # the handler stays
            logger.log(p.SUBDEBUG, "and this")
            """
        )
        assert output == ["SUBWARNING this", "SUBDEBUG and this", "INFO process shutting down"]

    @METHODS
    def test_children_log_as_their_parents(self, method: str) -> None:
        output = run(
            """
            import logging, sys
            import processing_core as p

            def child():
                p.getLogger().info("from the child")
                p.getLogger().debug("not this")

            p.enableLogging(p.INFO, logging.StreamHandler, (sys.stdout,))
            p.set_start_method(sys.argv[1])
            process = p.Process(target=child)
            process.start()
            process.join()
            """,
            method,
        )
        assert output == [
            "[INFO/Process-1] child process calling self.run()",
            "[INFO/Process-1] from the child",
            "[INFO/Process-1] process shutting down",
            "[INFO/Process-1] process exiting with exitcode 0",
            "[INFO/MainProcess] process shutting down",
        ]


@METHODS
def test_records_of_other_loggers_name_the_process(method: str) -> None:
    output = run(
        """
        import logging, sys
        import processing_core as p

        def child():
            logging.basicConfig(stream=sys.stdout, format="%(processName)s %(message)s", force=True)
            logging.warning("hello")

        p.set_start_method(sys.argv[1])
        process = p.Process(target=child, name="Helper")
        process.start()
        process.join()
        """,
        method,
    )
    assert output == ["Helper hello"]


@METHODS
def test_the_root_loggers_level_holds_in_children_that_ask_for_the_logger(method: str) -> None:
    output = run(
        """
        import logging, sys
        import processing_core as p

        def tell(children):
            print(p.get_logger().getEffectiveLevel() if children == 0 else "", flush=True)
            if children:
                start(children - 1)

        def start(children):
            process = p.Process(target=tell, args=(children,))
            process.start()
            process.join()

        if __name__ == "__main__":
            p.set_start_method(sys.argv[1])
            logging.getLogger().setLevel(logging.INFO)
            start(0)
            start(1)
        """,
        method,
    )
    assert [line for line in output if line] == ["20", "20"]
