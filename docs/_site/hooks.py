"""The pages that are made from the code: errors, old names, changes; and a check that the reference is complete."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

import processing

ROOT = Path(__file__).parents[2]
PACKAGES = ["processing", *(f"processing-{name}" for name in ("core", "sync", "queues", "managers", "pool"))]
ALIAS = re.compile(r":(?:meth|attr|func|class):`([^`]+)`\.?")
RAISES = re.compile(r":raises ([\w.]+):")
IDENTIFIER = re.compile(r"^::: processing\.([\w.]+)$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and refuse a reference that lacks a public name."""
    check_reference()
    pages = {"errors.md": errors, "from-0.52.md": old_names, "changelog.md": changes, "security.md": security}
    for name, write in pages.items():
        files.append(File.generated(config, name, content=write()))
    return files


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Let links to files that are not pages lead to the repository."""
    return re.sub(r"\]\(\.\./(?=[\w-]+/)", f"]({kwargs['config'].repo_url}/blob/main/", markdown)


def check_reference() -> None:
    """Each public name has a docstring and stands in the reference.

    :raises PluginError: naming those that do not.
    """
    pages = [*(ROOT / "docs" / "reference").glob("*.md")]
    described = {name for page in pages for name in IDENTIFIER.findall(page.read_text())}
    values = {name: value for name in processing.__all__ if callable(value := getattr(processing, name))}
    if missing := [name for name, value in values.items() if not {name, modern(name, value)} & described]:
        raise PluginError(f"docs/reference lacks {', '.join(missing)}")
    if silent := [name for name, value in values.items() if not inspect.getdoc(value)]:
        raise PluginError(f"without a docstring: {', '.join(silent)}")


def modern(name: str, value: Any) -> str | None:
    """What *name* is an alias of 0.52 for, if it is one."""
    if match := ALIAS.fullmatch((inspect.getdoc(value) or "").strip()):
        return match[1]
    own = getattr(value, "__name__", name)
    return own if own != name.rsplit(".", 1)[-1] and own.replace("_", "").lower() == name.lower() else None


def callables() -> Iterator[tuple[str, Any]]:
    """The public functions, classes and methods, by the names under which programs know them."""
    for name in processing.__all__:
        value = getattr(processing, name)
        yield name, value
        if inspect.isclass(value):
            for member, function in inspect.getmembers(value, callable):
                if not member.startswith("_"):
                    yield f"{name}.{member}", function


def errors() -> str:
    """The error catalogue."""
    cures = tomllib.loads((ROOT / "docs" / "_site" / "cures.toml").read_text())
    found = {name: kind for name in processing.__all__ if is_error(kind := getattr(processing, name))}
    if cures.keys() != found.keys():
        raise PluginError(f"cures.toml and the errors differ: {sorted(cures.keys() ^ found.keys())}")
    parts = [
        "# Errors\n\nEach error that the library raises on its own account: what it means, which calls document it, "
    ]
    parts.append("and what to do. Exceptions of your own functions arrive as they are.\n\n")
    raised = {name: sorted(callers(name)) for name in found}
    for name, kind in sorted(found.items()):
        bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
        parts.append(f"## {name}\n\n{summary(kind)}\n\n")
        parts.append(f"What to do\n:   {cures[name]}\n\nIt is also\n:   {bases}\n\n")
        if raised[name]:
            parts.append("Raised by\n:   " + ", ".join(f"`{caller}`" for caller in raised[name]) + "\n\n")
    return "".join(parts)


def is_error(value: object) -> bool:
    """Whether it is a class of errors."""
    return inspect.isclass(value) and issubclass(value, Exception)


def callers(name: str) -> Iterator[str]:
    """The public functions and methods whose docstrings say that they raise an error."""
    for path, function in callables():
        if name in {error.rsplit(".", 1)[-1] for error in RAISES.findall(inspect.getdoc(function) or "")}:
            yield path


def summary(kind: type) -> str:
    """The first paragraph of its docstring, without roles."""
    text = (inspect.getdoc(kind) or "").split("\n\n", 1)[0]
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")


def old_names() -> str:
    """0.52's names, and what they stand for now."""
    rows = sorted({(name, new) for name, new in aliases()})
    table = "\n".join(f"| `{old}` | `{new}` |" for old, new in rows)
    return (
        "# Coming from processing 0.52\n\n"
        "The names of the package of 2008 still work, silently and for good. Its programs need the changes that Python "
        "3 wants (`print`, `except ... as`), and a main guard under the default start method. `LocalManager()` and "
        "`from processing import *` work as they did.\n\n"
        "| 0.52 | now |\n|---|---|\n" + table + "\n"
    )


def aliases() -> Iterator[tuple[str, str]]:
    """Each public name of 0.52, and the name that it stands for."""
    for path, value in callables():
        if (new := modern(path, value)) is not None:
            yield path, new


def changes() -> str:
    """The changelogs of all distributions, the facade's first."""
    texts = [(ROOT / "packages" / name / "CHANGELOG.md").read_text() for name in PACKAGES]
    shifted = [re.sub(r"^(#+) ", r"#\1 ", text, flags=re.MULTILINE) for text in texts]
    return "# Changes\n\n" + "\n\n".join(shifted)


def security() -> str:
    """The policy, which stands where repositories have it."""
    return (ROOT / "SECURITY.md").read_text()
