"""Nothing here imports multiprocessing: not in its text, and not at run time, in any process."""

import ast
from pathlib import Path

import pytest

import processing
from processing_testing.harness import scripts

PACKAGES = Path(__file__).parent.parent / "packages"
SOURCES = sorted(path for path in PACKAGES.glob("*/src/**/*.py"))
FORBIDDEN = ("multiprocessing", "_multiprocessing", "_posixshmem", "concurrent.futures.process")


def forbidden(name: str | None) -> bool:
    return name is not None and any(name == banned or name.startswith(f"{banned}.") for banned in FORBIDDEN)


def names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def test_there_are_sources() -> None:
    assert len(SOURCES) > 20


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGES)))
def test_no_import_statement(source: Path) -> None:
    tree = ast.parse(source.read_text())
    assert [name for node in ast.walk(tree) for name in names(node) if forbidden(name)] == []


def test_no_kernel_source_names_it() -> None:
    kernel = sorted((PACKAGES / "processing-core" / "kernel").glob("*.[ch]"))
    assert kernel
    imports = ("PyImport_ImportModule", "PyImport_Import(")
    lines = [line for path in kernel for line in path.read_text().splitlines() if any(call in line for call in imports)]
    assert [line for line in lines if "multiprocessing" in line] == []


@pytest.mark.parametrize("method", processing.get_all_start_methods())
def test_not_at_run_time(method: str) -> None:
    scripts.run(
        """
        import os, sys
        import processing
        from processing_testing.children.modules import loaded, put_loaded

        method, banned = sys.argv[1], sys.argv[2].split()
        processing.set_start_method(method)
        queue, value, event = processing.Queue(), processing.Value("i", 0), processing.Event()
        with processing.Lock(), processing.RLock(), processing.Semaphore(), processing.BoundedSemaphore():
            process = processing.Process(target=put_loaded, args=(queue, value, event))
            process.start()
        event.wait()
        assert value.value == 1
        seen = {"the child": queue.get(), "this process": loaded()}
        process.join()
        with processing.Pool(1) as pool:
            seen["a worker"] = pool.apply(loaded)
            assert pool.map(abs, [-1]) == [1]
        seen["this process, at the end"] = loaded()
        for who, modules in seen.items():
            assert "processing_core" in modules, who
            assert not modules & set(banned), (who, modules & set(banned))
        """,
        method,
        " ".join(FORBIDDEN),
    )
