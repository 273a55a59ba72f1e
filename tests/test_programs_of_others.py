"""Programs of others do by ``python -m processing run`` what they do plainly; `nox -s programs` runs more of them."""

from dataclasses import replace

import pytest
from benchmarks import programs


@pytest.mark.parametrize("name", ["black", "flake8", "ProcessPoolExecutor.map", "uvicorn", "gunicorn"])
def test_they_do_the_same(name: str) -> None:
    program = programs.PROGRAMS[name]
    for module in program.needs:
        pytest.importorskip(module)
    if not program.serves and program.needs:
        program = replace(program, fill=programs.sources("json"))
    plain, replaced = (programs.run(program, way) for way in programs.WAYS)
    assert replaced.code == plain.code
    assert program.serves or replaced.output == plain.output  # how far a server logs its end depends on the time
    assert replaced.files == plain.files
