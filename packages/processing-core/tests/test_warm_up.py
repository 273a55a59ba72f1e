"""Before it forks, the forkserver warms up, and makes the objects that it has loaded immortal."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forkserver

IMMORTALS = pytest.mark.skipif(
    sys.version_info < (3, 12) or hasattr(sys, "gettotalrefcount"), reason="this interpreter has no use for immortals"
)


class TestImmortals:
    @IMMORTALS
    def test_are_what_is_reached_and_of_the_kinds(self) -> None:
        scripts.run(
            """
            import sys, types
            from processing_core._native import _kernel

            class Held:
                text = "".join(["te", "xt"])
                listed = ["li" + "sted"]
                def method(self):
                    return 12345678901234567890

            held = Held()
            module = types.ModuleType("module")
            module.kind, module.instance, module.pair, module.table = Held, held, (object(), 1.5e300), {"a": 1}
            before = {name: sys.getrefcount(value) for name, value in vars(module).items()}
            immortal = sys.getrefcount(None)

            kinds = (types.ModuleType, types.FunctionType, types.CodeType, str, int, float, tuple)
            assert _kernel.immortalize([module], kinds, types.CodeType) > 5
            number = Held.method.__code__.co_consts[-1]
            for it in module, vars(module), Held, Held.text, Held.method, number, module.pair:
                assert sys.getrefcount(it) >= 2**31, it
            for it in held, Held.listed, module.pair[0], module.table:
                assert sys.getrefcount(it) < 100, it
            assert _kernel.immortalize([module], kinds, types.CodeType) == 0  # they are so already
            assert _kernel.immortalize([held], (), types.CodeType) == 0
            """
        )

    @IMMORTALS
    @needs_forkserver
    def test_a_child_shares_them(self) -> None:
        scripts.run(
            """
            import json, sys
            import processing_core

            def child():
                import json
                counts = [sys.getrefcount(it) for it in (json, json.loads, json.JSONEncoder, json.loads.__code__)]
                sys.exit(3 if min(counts) >= 2**31 else 4)

            processing_core.set_forkserver_preload(["json"])
            process = processing_core.get_context("forkserver").Process(target=child)
            process.start()
            process.join()
            assert process.exitcode == 3, process
            """
        )

    @needs_forkserver
    def test_what_the_main_module_holds_ends_in_the_child_when_it_is_dropped(self, tmp_path: Path) -> None:
        script = tmp_path / "program.py"
        script.write_text(
            textwrap.dedent(
                """
                import sys, weakref
                import processing_core

                class Held:
                    def __del__(self):
                        ended.append(self.name)

                def make(name):
                    held = Held()
                    held.name = name
                    return held

                ended = []
                alone, listed, mapped = make("alone"), [make("listed")], {"it": make("mapped")}

                def child():
                    global alone
                    reference = weakref.ref(alone)
                    alone = None
                    listed.clear()
                    del mapped["it"]
                    sys.exit(3 if ended == ["alone", "listed", "mapped"] and reference() is None else 4)

                if __name__ == "__main__":
                    process = processing_core.get_context("forkserver").Process(target=child)
                    process.start()
                    process.join()
                    sys.exit(process.exitcode)
                """
            )
        )
        assert subprocess.run([sys.executable, script], check=False, timeout=50).returncode == 3

    @needs_forkserver
    def test_no_code_of_a_metaclass_runs(self, tmp_path: Path) -> None:
        (tmp_path / "hostile.py").write_text(
            textwrap.dedent(
                """
                def refuse(*args):
                    raise AssertionError("code of a metaclass ran")

                class Meta(type):
                    __eq__ = __ne__ = __hash__ = __subclasses__ = __getattribute__ = __instancecheck__ = refuse

                class Hostile(metaclass=Meta):
                    pass
                """
            )
        )
        script = tmp_path / "program.py"
        script.write_text(
            textwrap.dedent(
                """
                import sys
                import hostile, processing_core

                if __name__ == "__main__":
                    process = processing_core.get_context("forkserver").Process(target=sys.exit, args=(3,))
                    process.start()
                    process.join()
                    sys.exit(process.exitcode)
                """
            )
        )
        run = subprocess.run([sys.executable, script], check=False, timeout=50, capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (3, "")


@needs_forkserver
class TestWarmUp:
    def test_leaves_nothing_that_a_child_could_see(self, tmp_path: Path) -> None:
        (tmp_path / "made.py").write_text(
            textwrap.dedent(
                """
                import atexit
                from processing_core import lowlevel

                print("loaded", flush=True)
                atexit.register(print, "left", flush=True)
                lowlevel.Finalize(None, print, ("finalized",), exitpriority=1)
                """
            )
        )
        script = tmp_path / "program.py"
        script.write_text(
            textwrap.dedent(
                """
                import gc, os, sys, threading
                import processing_core
                import made

                def child():
                    me, parent = processing_core.current_process(), processing_core.parent_process()
                    assert me.name == "ForkServerProcess-1" and me._identity == (1,), me
                    assert parent.name == "MainProcess" and parent.pid == int(os.environ["PARENT"])
                    assert parent.is_alive()
                    assert processing_core.active_children() == []
                    assert processing_core.Process().name == "Process-1:1"
                    assert threading.enumerate() == [threading.main_thread()]
                    print("ran", flush=True)

                if __name__ == "__main__":
                    os.environ["PARENT"] = str(os.getpid())
                    process = processing_core.get_context("forkserver").Process(target=child)
                    process.start()
                    process.join()
                    sys.exit(process.exitcode)
                """
            )
        )
        run = subprocess.run([sys.executable, script], check=False, timeout=50, capture_output=True, text=True)
        assert run.returncode == 0, run
        assert run.stdout.split() == ["loaded", "loaded", "ran", "finalized", "left"]
