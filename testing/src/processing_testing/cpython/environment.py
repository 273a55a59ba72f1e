"""The environment in which the tests run: the caller's packages, the hook that renames, and a module for each method.

CPython makes its test classes for each start method by a function; here a module calls it for each, as the modules
`test.test_multiprocessing_fork` and so on do, which not every installed interpreter has.
"""

from __future__ import annotations

import site
import sys
import sysconfig
import venv
from pathlib import Path

from processing_testing.cpython.renaming import SWITCH

METHODS = ("fork", "forkserver", "spawn")
MAKING = """\
from test._test_multiprocessing import install_tests_in_module_dict

install_tests_in_module_dict(globals(), {method!r})
"""

RENAMING = "processing_testing.cpython.renaming"
HOOK = f"import os; {SWITCH!r} in os.environ and __import__({RENAMING!r}, None, None, '*').install()\n"


def make_environment(folder: Path) -> Path:
    """Make a virtual environment in *folder* that sees the packages of the running interpreter.

    :return: its Python.
    """
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    paths = sysconfig.get_paths(vars={"base": str(folder / "venv"), "platbase": str(folder / "venv")})
    packages = Path(paths["purelib"])
    # `addsitedir` rather than a bare path, because .pth files lead to packages that are installed in editable form.
    lines = [f"import site; site.addsitedir({path!r})\n" for path in _visible()]
    (packages / "caller.pth").write_text("".join(lines))
    (packages / "renamed.pth").write_text(HOOK)
    for method in METHODS:
        (packages / f"{module_for(method)}.py").write_text(MAKING.format(method=method))
    return python


def module_for(method: str) -> str:
    """:return: the module with the tests of multiprocessing under a start method."""
    return f"test_multiprocessing_{method}"


def _visible() -> list[str]:
    """The folders of packages that the running interpreter sees, in their order."""
    folders = [path for path in sys.path if path.endswith("site-packages")]
    return folders or site.getsitepackages()
