"""Libraries that check the type of the context they are given take ours, and work with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import processing
from processing_testing.harness import scripts


@pytest.fixture(params=processing.get_all_start_methods())
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_check_itself(method: str) -> None:
    """The check of PyTorch's DataLoader and loguru; other programs must not pay for it."""
    program = """
        import copy, pickle, sys
        import processing, processing_core
        context = processing.get_context(sys.argv[1])
        print("multiprocessing" in sys.modules, context.__class__ is type(context))
        import multiprocessing.context
        for one in (context, processing_core._context.default_context):
            assert isinstance(one, multiprocessing.context.BaseContext)
            assert isinstance(one, processing.BaseContext)
            assert not isinstance(one, multiprocessing.context.SpawnContext)
            assert issubclass(one.__class__, type(one)) and one.__class__ is one.__class__
            assert one.__class__.__name__ == type(one).__name__
            assert pickle.loads(pickle.dumps(one)) is one and copy.copy(one) is one
            assert "processing" in repr(one) and "multiprocessing" not in repr(one)
        assert context.get_start_method() == sys.argv[1]
        assert context.Process.__module__ == "processing_core._context"
        assert type(context.Queue()).__module__.startswith("processing_queues")
        assert context.get_context("spawn") is processing.get_context("spawn")
        assert not isinstance(multiprocessing.get_context("spawn"), processing.BaseContext)
    """
    assert scripts.run(program, method).split() == ["False", "True"]


LOGURU = """
import sys
import processing
from loguru import logger

def work(logger, number):
    logger.info("record {} of a child", number)
    logger.complete()

if __name__ == "__main__":
    context = processing.get_context(sys.argv[1])
    logger.remove()
    logger.add(sys.stdout, format="{message}", enqueue=True, context=context)
    workers = [context.Process(target=work, args=(logger, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    logger.info("record of the parent")
    logger.complete()
    print([worker.exitcode for worker in workers], flush=True)
"""


def test_loguru(method: str, tmp_path: Path) -> None:
    """loguru sends records through objects that it makes with the context, in this process and in children."""
    pytest.importorskip("loguru")
    path = tmp_path / "program.py"
    path.write_text(LOGURU)
    run = subprocess.run([sys.executable, path, method], capture_output=True, text=True, timeout=50)
    lines = run.stdout.splitlines()
    assert lines[3:] == ["record of the parent", "[0, 0, 0]"], run.stderr
    assert sorted(lines[:3]) == [f"record {number} of a child" for number in range(3)]
