"""A sub-interpreter is refused, and touches nothing of the main interpreter's family."""

from __future__ import annotations

import importlib
import sys

import pytest

from processing_testing.harness import scripts

OTHER = """
try:
    import {module}
except ImportError as error:
    assert "sub-interpreter" in str(error) or "subinterpreter" in str(error), error
else:
    raise SystemError("let in")
"""

PROGRAM = """
    import sys
    import processing

    class Thing:
        pass

    queue, lock = processing.Queue(), processing.Lock()
    queue.put(Thing())
    queue.get()
    {run}
    try:
        lock.release()
    except processing.NotHeldError:
        pass
    queue.put(Thing())
    assert type(queue.get()) is Thing
    process = processing.Process(target=queue.put, args=(Thing(),))
    process.start()
    assert type(queue.get()) is Thing
    process.join()
    sys.modules.pop("processing_core._kernel")
    import processing_core._kernel
    assert type(processing.Lock()) is type(lock)
"""

RUN = {
    "_interpreters": """
    import _interpreters
    for kind in ("legacy", "isolated"):
        for code in sys.argv[1:]:
            other = _interpreters.create(kind)
            error = _interpreters.run_string(other, code)
            assert error is None, error
            _interpreters.destroy(other)
    """,
    "_xxsubinterpreters": """
    import _xxsubinterpreters
    for isolated in (False, True):
        for code in sys.argv[1:]:
            other = _xxsubinterpreters.create(isolated=isolated)
            _xxsubinterpreters.run_string(other, code)
            _xxsubinterpreters.destroy(other)
    """,
}

PUBLIC = """
    from concurrent import interpreters
    from concurrent.futures import InterpreterPoolExecutor
    for code in sys.argv[1:]:
        other = interpreters.create()
        other.exec(code)
        other.close()
        with InterpreterPoolExecutor(1) as executor:
            executor.submit(exec, code).result()
    """


def imports(name: str) -> bool:
    """Whether this interpreter has the module; one that was assembled may have it, but not what it needs."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


AVAILABLE = next(filter(imports, RUN), None)


@pytest.mark.skipif(AVAILABLE is None, reason="this interpreter offers no way to make another")
def test_it_is_refused() -> None:
    assert AVAILABLE is not None
    modules = ["processing", "processing_core", "processing_pool", "processing_core._kernel"]
    program = PROGRAM.replace("    {run}", RUN[AVAILABLE])
    warnings = {} if sys.version_info >= (3, 12) else {"PYTHONWARNINGS": "default"}
    scripts.run(program, *(OTHER.format(module=module) for module in modules), **warnings)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="PEP 734 is new in Python 3.14")
@pytest.mark.skipif(AVAILABLE is None, reason="this interpreter offers no way to make another")
def test_it_is_refused_by_the_public_module() -> None:
    modules = ["processing", "processing_core", "processing_pool", "processing_core._kernel"]
    scripts.run(PROGRAM.replace("    {run}", PUBLIC), *(OTHER.format(module=module) for module in modules))
