"""The pages that are made from the code: errors, old names, changes; and a check that the reference is complete."""

from __future__ import annotations

import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

import processing

ROOT = Path(__file__).parents[2]
PACKAGES = ["processing", *(f"processing-{name}" for name in ("core", "sync", "queues", "managers", "pool"))]
ALIAS = re.compile(r":(?:meth|attr|func|class):`([^`]+)`\.?")
RAISES = re.compile(r"^ *:raises ([\w.]+): *(.*(?:\n(?! *:| *\n).*)*)", re.MULTILINE)
ROLE = re.compile(r":\w+:`~?([^`]+)`")
NOT_HERE = re.compile(r"windows|win32|__main__|_backends\.(dask|ray)|_fds\.(handles|shared_sockets)$")
"""Modules that need another system, or an engine."""
IDENTIFIER = re.compile(r"^::: processing\.([\w.]+)$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and refuse a reference that lacks a public name."""
    check_reference()
    pages = {"errors.md": errors, "from-0.52.md": old_names, "changelog.md": changes, "security.md": security}
    pages["reference/submodules.md"] = submodules
    for name, write in pages.items():
        files.append(File.generated(config, name, content=write()))
    return files


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Let links to files that are not pages lead to the repository."""
    return re.sub(r"\]\(\.\./(?=[\w-]+/)", f"]({kwargs['config'].extra['repository']}/blob/main/", markdown)


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
    for name in [*processing.__all__, *beyond_the_facade()]:
        value = named(name)
        yield name, value
        if inspect.isclass(value):
            for member, function in inspect.getmembers(value, callable):
                if not member.startswith("_"):
                    yield f"{name}.{member}", function


def beyond_the_facade() -> list[str]:
    """The names in submodules that the reference describes, such as ``shared_memory.SharedMemory``."""
    pages = sorted((ROOT / "docs" / "reference").glob("*.md"))
    return [name for page in pages for name in IDENTIFIER.findall(page.read_text()) if "." in name]


def named(name: str) -> Any:
    """What *name* stands for in the facade or one of its submodules."""
    module, _, last = f"processing.{name}".rpartition(".")
    return getattr(import_module(module), last)


def errors() -> str:
    """The error catalogue."""
    cures = tomllib.loads((ROOT / "docs" / "_site" / "cures.toml").read_text())
    found = {kind.__name__: kind for kind in own_errors()}
    if cures.keys() != found.keys():
        raise PluginError(f"cures.toml and the errors differ: {sorted(cures.keys() ^ found.keys())}")
    raised = documented_errors()
    parts = ["# Errors\n\nEach error that the library raises on its own account: what it means, which calls document "]
    parts.append("it, and what to do. Exceptions of your own functions arrive as they are. ")
    parts.append("[Python's own errors](#pythons-own-errors), such as `ValueError`, stand at the end.\n\n")
    for name, kind in sorted(found.items()):
        bases = ", ".join(f"`{base.__name__}`" for base in public_bases(kind))
        parts.append(f"## {name}\n\n{summary(kind)}\n\n")
        parts.append(f"What to do\n:   {cures[name]}\n\n" + f"It is also\n:   {bases}\n\n")
        if callers := sorted({caller for callers in raised.get(name, {}).values() for caller in callers}):
            parts.append("Raised by\n:   " + ", ".join(f"`{caller}`" for caller in callers) + "\n\n")
    return "".join([*parts, *errors_of_python(raised, found.keys())])


def own_errors() -> Iterator[type]:
    """The errors that reach programs: what the facade has, and every `ProcessError` of a package."""
    yield from filter(is_error, map(named, processing.__all__))
    for package in PACKAGES:
        for module in pkgutil.walk_packages([str(ROOT / "packages" / package / "src")]):
            if not NOT_HERE.search(module.name):
                import_module(module.name)
    waiting = [processing.ProcessError]
    for kind in waiting:
        waiting += kind.__subclasses__()
    yield from (kind for kind in waiting if kind.__module__.startswith("processing") and kind.__name__[0] != "_")


def public_bases(kind: type) -> Iterator[type]:
    """Its bases; of one that is private, the bases of that."""
    for base in kind.__bases__:
        yield from public_bases(base) if base.__name__.startswith("_") else [base]


def is_error(value: object) -> bool:
    """Whether it is a class of errors."""
    return inspect.isclass(value) and issubclass(value, Exception)


def documented_errors() -> dict[str, dict[str, list[str]]]:
    """For each error that a docstring names: the conditions, and the functions and methods that raise it then."""
    found: dict[str, dict[str, list[str]]] = {}
    for path, function in callables():
        if modern(path, function) is not None:
            continue
        for error, condition in RAISES.findall(inspect.getdoc(function) or ""):
            conditions = found.setdefault(error.rsplit(".", 1)[-1], {})
            conditions.setdefault(plain(" ".join(condition.split())), []).append(path)
    return found


def errors_of_python(raised: dict[str, dict[str, list[str]]], own: Iterable[str]) -> Iterator[str]:
    """What the builtin errors mean here: the condition is the cure, too."""
    yield "## Python's own errors\n\n"
    for name in sorted(raised.keys() - set(own) - {"Exception", "BaseException"}):
        yield f"### {name}\n\n"
        for condition, callers in sorted(raised[name].items(), key=lambda item: min(item[1])):
            yield f"- {condition.rstrip('.')}: " + ", ".join(f"`{caller}`" for caller in sorted(set(callers))) + "\n"
        yield "\n"


def summary(value: object) -> str:
    """The first paragraph of its docstring, without roles."""
    return plain((inspect.getdoc(value) or "").split("\n\n", 1)[0])


def plain(text: str) -> str:
    """A docstring's text without roles."""
    return ROLE.sub(r"`\1`", text).replace("``", "`")


def submodules() -> str:
    """The names of every submodule, which are those of multiprocessing's and a few of ours."""
    parts = ["# Submodules\n\nEvery public name of the submodules, with what it is. Most programs need none of them: "]
    parts.append("the names that they use are in `processing` itself.\n\n")
    for module in public_modules():
        parts.append(f"## {module.__name__}\n\n{summary(module)}\n\n| name | is |\n|---|---|\n")
        for name in sorted(module.__all__):
            value = getattr(module, name)
            text = " ".join(summary(value).split()) if callable(value) else f"`{type(value).__name__}`"
            parts.append(f"| `{name}` | {text.replace('|', chr(92) + '|')} |\n")
        parts.append("\n")
    return "".join(parts)


def public_modules() -> Iterator[Any]:
    """The submodules of the facade that have names."""
    for found in pkgutil.walk_packages(processing.__path__, "processing."):
        if not re.search(r"\._|win32$", found.name):
            module = import_module(found.name)
            if module.__all__:
                yield module


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
