from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

import processing_core
from processing_core import BaseContext, _context, lowlevel
from processing_testing.harness.mechanisms import needs_forks

KNOWN = "fork, spawn, forkserver" if hasattr(os, "fork") else "spawn"


def output(program: str, **environment: str) -> list[str]:
    """The lines that *program* prints in a fresh interpreter."""
    source = f"import processing_core as p\n{program}"
    run = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


class TestContext:
    def test_has_its_process(self, context: BaseContext, method: str) -> None:
        process = context.Process()
        assert isinstance(process, processing_core.Process)
        assert context.get_start_method() == method == process._start_method
        assert context.get_context() is context
        assert context.get_context("spawn") is processing_core.get_context("spawn")

    def test_keeps_its_method(self, context: BaseContext) -> None:
        with pytest.raises(ValueError, match="cannot set start method of concrete context"):
            context.set_start_method("fork")

    def test_has_the_functions_and_errors(self, context: BaseContext) -> None:
        assert context.current_process() is processing_core.current_process()
        assert context.parent_process() is None
        assert context.cpu_count() == processing_core.cpu_count() == os.cpu_count()
        assert context.active_children() == processing_core.active_children()
        assert context.TimeoutError is processing_core.TimeoutError
        assert context.currentProcess() is context.current_process()

    def test_pickles_to_itself(self, context: BaseContext) -> None:
        assert pickle.loads(pickle.dumps(context)) is context

    def test_unknown_method(self, context: BaseContext) -> None:
        with pytest.raises(ValueError, match="cannot find context for 'thread'"):
            context.get_context("thread")

    def test_unknown_attribute(self, context: BaseContext) -> None:
        with pytest.raises(AttributeError, match="has no attribute 'Nonsense'; where a package"):
            context.Nonsense  # noqa: B018
        assert not hasattr(context, "__nonsense__")


class TestFactories:
    def test_is_offered(self, context: BaseContext, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_context, "_factories", {})
        lowlevel.register_factory("Thing", dict)
        assert context.Thing is dict

    def test_takes_context(self, context: BaseContext, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_context, "_factories", {})
        lowlevel.register_factory("Thing", dict, takes_context=True)
        assert context.Thing(a=1) == {"a": 1, "context": context}


class TestDefault:
    def test_is_forkserver_where_there_are_forks(self) -> None:
        methods = ["forkserver", "fork", "spawn"] if hasattr(os, "fork") else ["spawn"]
        assert processing_core.get_all_start_methods() == methods
        assert output("print(p.get_start_method(allow_none=True), p.get_start_method(), p.get_start_method(True))") == [
            f"None {methods[0]} {methods[0]}"
        ]

    def test_is_set_once(self, method: str) -> None:
        program = f"""
p.set_start_method({method!r})
print(p.get_start_method(), p.get_context().get_start_method())
try:
    p.set_start_method('spawn')
except RuntimeError as error:
    print(error)
p.set_start_method('spawn', force=True)
print(p.get_start_method())
p.set_start_method(None, force=True)
print(p.get_start_method(allow_none=True))
try:
    p.set_start_method('thread')
except ValueError as error:
    print(error)
"""
        assert output(program) == [
            f"{method} {method}",
            "context has already been set",
            "spawn",
            "None",
            f"cannot find context for 'thread': use one of {KNOWN}",
        ]

    def test_is_what_process_uses(self, method: str) -> None:
        program = f"""
import os
from processing_testing.children import functions as children
from processing_testing.harness.rendezvous import Rendezvous
p.set_start_method({method!r})
with Rendezvous() as rendezvous:
    process = p.Process(target=children.report_identity, args=(rendezvous.address,))
    process.start()
    told = rendezvous.receive()[0]
    process.join()
print(told["method"], process.name, process.exitcode)
"""
        assert output(program) == [f"{method} Process-1 0"]


class TestFamily:
    def test_is_made_late(self) -> None:
        assert output("from processing_core import lowlevel; print(lowlevel.member())") == ["None"]

    def test_limit(self) -> None:
        program = "from processing_core import lowlevel; lowlevel.ensure_family(); print(lowlevel.stats()['cap'])"
        if hasattr(os, "sysconf"):
            physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            assert abs(int(output(program)[0]) - physical * 3 // 4) < 1 << 21
        assert int(output(program, PROCESSING_ARENA_LIMIT=str(64 << 20))[0]) == 64 << 20
        assert int(output("p.set_arena_limit(32 << 20);" + program)[0]) == 32 << 20

    @pytest.mark.parametrize("limit", ["much", "-1", "1000"])
    def test_bad_limit_in_the_environment(self, limit: str) -> None:
        program = """
from processing_core import lowlevel
try:
    lowlevel.ensure_family()
except ValueError as error:
    print(error)
"""
        assert output(program, PROCESSING_ARENA_LIMIT=limit)[0].startswith("PROCESSING_ARENA_LIMIT must be")

    def test_bad_limit(self) -> None:
        with pytest.raises(TypeError, match="must be an integer of bytes, not '1'"):
            processing_core.set_arena_limit("1")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="at least 1048576 bytes"):
            processing_core.set_arena_limit(-1)
        lowlevel.ensure_family()
        with pytest.raises(processing_core.StateError, match="the arena exists already"):
            processing_core.set_arena_limit(1 << 30)

    @needs_forks
    def test_a_process_of_os_fork_before_the_family_is_a_root(self) -> None:
        program = """
import os
from processing_core import lowlevel
pid = os.fork()
lowlevel.ensure_family()
print(lowlevel.family(), flush=True)
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
"""
        assert len(set(output(program))) == 2


def test_imports_no_multiprocessing(method: str) -> None:
    program = f"""
import sys
from processing_testing.children import functions as children
process = p.get_context({method!r}).Process(target=children.nothing)
process.start()
process.join()
print([name for name in sys.modules if name.partition('.')[0] in ('multiprocessing', 'cloudpickle')])
"""
    assert output(program) == ["[]"]


def test_public_names_are_what_all_says() -> None:
    public = {name for name, value in vars(processing_core).items() if not name.startswith("_")}
    modules = {name for name in public if isinstance(vars(processing_core)[name], type(sys))}
    assert public - modules == set(processing_core.__all__)
