"""Counts the identifiers of the standard library: a pool does the work, a queue reports it, a shared value adds it
up, a managed list keeps the ten slowest files.

    python examples/census.py                     every .py file of this interpreter's standard library
    python examples/census.py FOLDER --limit 100  the first hundred files below a folder

The queue, the value, the list and its lock stand in the tasks themselves, as any other argument does. The census is
checked against the same work done by this process alone; the exit status is 1 if they differ.
"""

from __future__ import annotations

import argparse
import ast
import io
import keyword
import os
import sys
import sysconfig
import time
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, NamedTuple, Protocol

import processing

if TYPE_CHECKING:
    from processing_managers import ListProxy

SKIPPED = {"site-packages", "dist-packages", "__pycache__"}
SLOWEST = 10
PATIENCE = 0.5
"""Seconds without a report after which the pool is asked whether it has finished."""


class Tally(NamedTuple):
    """What one file holds."""

    path: str
    names: dict[str, int]
    seconds: float
    problem: str | None


class Report(NamedTuple):
    """What a worker tells the progress bar."""

    path: str
    identifiers: int
    seconds: float
    pid: int


Slow = tuple[float, str]
"""A file by the seconds that it took."""


class Census(NamedTuple):
    """What all files hold, in whatever order they were counted."""

    names: Counter[str]
    tallies: list[Tally]
    slowest: list[Slow]
    seconds: float

    @property
    def identifiers(self) -> int:
        """How many there are in all."""
        return self.names.total()

    @property
    def problems(self) -> dict[str, str]:
        """Why a file could not be counted, by its path."""
        return {tally.path: tally.problem for tally in self.tallies if tally.problem is not None}


# -- the work --------------------------------------------------------------------------------------


def count(path: str) -> Tally:
    """Count the identifiers of one file; one that does not decode or parse has none, and a problem."""
    start = time.perf_counter()
    try:
        names, problem = dict(Counter(identifiers(Path(path).read_bytes()))), None
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
        # UnicodeDecodeError is a ValueError; the parser raises MemoryError where nesting is too deep.
        names, problem = {}, f"{type(error).__name__}: {error}"
    return Tally(path, names, time.perf_counter() - start, problem)


def identifiers(source: bytes) -> Iterator[str]:
    """Every name in *source* that is not a keyword.

    :raises SyntaxError: if it does not parse, or its encoding is unknown.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's tests have doubtful escapes on purpose
        ast.parse(source)
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    text = io.StringIO(source.decode(encoding), newline=None)
    for token in tokenize.generate_tokens(text.readline):
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            yield token.string


def count_and_tell(
    path: str,
    reports: processing.Queue[Report],
    total: processing.Value[int],
    slowest: ListProxy[Slow],
    lock: processing.Lock,
) -> Tally:
    """What a worker does: count a file, add to the total, see whether it is among the slowest, report."""
    tally = count(path)
    found = sum(tally.names.values())
    with total.get_lock():
        total.value += found
    with lock:
        slowest[:] = slowest_of([*slowest, (tally.seconds, path)])
    reports.put(Report(path, found, tally.seconds, os.getpid()))
    return tally


def slowest_of(files: Iterable[Slow]) -> list[Slow]:
    """The slowest files, the slowest first."""
    return sorted(files, reverse=True)[:SLOWEST]


# -- by one process and by many --------------------------------------------------------------------


def alone(paths: list[str]) -> Census:
    """Count in this process."""
    start = time.perf_counter()
    return gather(map(count, paths), start)


def together(paths: list[str], processes: int | None, progress: Progress) -> tuple[Census, int]:
    """Count by a pool.

    :return: the census, its slowest files as the manager has them, and the total that the workers added up in shared
        memory.
    """
    start = time.perf_counter()
    reports: processing.Queue[Report] = processing.Queue()
    total = processing.Value("q", 0)
    with processing.Manager() as manager, processing.Pool(processes) as pool:
        slowest: ListProxy[Slow] = manager.list()
        task = partial(count_and_tell, reports=reports, total=total, slowest=slowest, lock=processing.Lock())
        result = pool.map_async(task, paths, chunksize=1)
        reported = 0
        while reported < len(paths):
            try:
                progress.advance(reports.get(timeout=PATIENCE))
                reported += 1
            except Empty:
                if result.ready():
                    break  # a worker died before it could report; `get` says which
        return gather(result.get(), start)._replace(slowest=slowest.copy()), total.value


def gather(tallies: Iterable[Tally], start: float) -> Census:
    """Add up what the files hold."""
    names: Counter[str] = Counter()
    kept = []
    for tally in tallies:
        names.update(tally.names)
        kept.append(tally)
    slowest = slowest_of((tally.seconds, tally.path) for tally in kept)
    return Census(names, kept, slowest, time.perf_counter() - start)


def differences(shared: Census, single: Census, total: int) -> list[str]:
    """In what the pool's census is not the single process's."""
    found = []
    if total != single.identifiers:
        found.append(f"the shared value holds {total}, not {single.identifiers}")
    if shared.names != single.names:
        names = sorted(name for name in shared.names | single.names if shared.names[name] != single.names[name])
        found.append(f"{len(names)} identifiers were counted differently: {', '.join(names[:5])}")
    if shared.problems != single.problems:
        found.append(f"{len(shared.problems)} files had problems, not {len(single.problems)}")
    if [tally.path for tally in shared.tallies] != [tally.path for tally in single.tallies]:
        found.append(f"{len(shared.tallies)} files were counted, not {len(single.tallies)}")
    if shared.slowest != slowest_of((tally.seconds, tally.path) for tally in shared.tallies):
        found.append("the managed list does not hold the slowest files")
    return found


# -- for people ------------------------------------------------------------------------------------


class Progress(Protocol):
    """Something that shows how far the work is."""

    def advance(self, report: Report) -> None:
        """A file is done."""


class Lines:
    """A line for each tenth, where nobody watches a bar."""

    def __init__(self, files: int) -> None:
        self.files, self.done, self.identifiers = files, 0, 0

    def advance(self, report: Report) -> None:
        """A file is done."""
        self.done += 1
        self.identifiers += report.identifiers
        if self.done == self.files or self.done * 10 // self.files > (self.done - 1) * 10 // self.files:
            print(f"{self.done:6,} of {self.files:,} files, {self.identifiers:,} identifiers", file=sys.stderr)


@contextmanager
def bar(files: int) -> Iterator[Progress]:
    """A bar of rich's."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = [BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")]
    with RichProgress(*columns, console=Console(stderr=True)) as rich:
        task = rich.add_task("", total=files)

        class Bar:
            def advance(self, report: Report) -> None:
                name = "/".join(Path(report.path).parts[-2:])
                rich.update(task, advance=1, description=f"{name} by {report.pid}")

        yield Bar()


def watched() -> bool:
    """Whether a person looks at a terminal, and rich can draw on it."""
    if not sys.stderr.isatty():
        return False
    try:
        import rich.progress  # noqa: F401
    except ImportError:
        return False
    return True


def show(shared: Census, single: Census, folder: Path) -> None:
    """Print the census."""
    print("\nThe commonest identifiers:")
    for number, (name, times) in enumerate(shared.names.most_common(20), 1):
        print(f"{number:4}. {name:<24}{times:10,}")
    print("\nThe slowest files:")
    for seconds, path in shared.slowest:
        print(f"  {seconds * 1e3:8.1f} ms  {relative(path, folder)}")
    print(f"\n{len(shared.problems)} files do not decode or parse:")
    for path, problem in sorted(shared.problems.items()):
        print(f"  {relative(path, folder)}: {problem.replace(path, 'it')[:100]}")
    print(f"\n{len(shared.tallies):,} files, {shared.identifiers:,} identifiers, {len(shared.names):,} different ones")
    print(f"one process {single.seconds:.2f} s, the pool {shared.seconds:.2f} s: ", end="")
    print(f"{single.seconds / shared.seconds:.2f} times as fast")


def relative(path: str, folder: Path) -> str:
    """*path* as seen from *folder*."""
    return str(Path(path).relative_to(folder))


# -- the program -----------------------------------------------------------------------------------


def sources(folder: Path, limit: int | None) -> list[str]:
    """The .py files below *folder*, in order, without what other distributions installed there."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        found += [os.path.join(place, name) for name in files if name.endswith(".py")]
    there = filter(os.path.isfile, found)  # distributions put links into the library, which may lead nowhere
    return sorted(there)[:limit]


def main(arguments: list[str] | None = None) -> int:
    """:return: 0 if the pool's census is right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    library = Path(sysconfig.get_path("stdlib"))
    parser.add_argument("folder", nargs="?", type=Path, default=library, help=f"by default {library}")
    parser.add_argument("--limit", type=int, help="count only the first LIMIT files")
    parser.add_argument("--processes", type=int, help="how many workers; by default one for each CPU")
    options = parser.parse_args(arguments)
    paths = sources(options.folder, options.limit)
    if not paths:
        parser.error(f"there is no .py file below {options.folder}")
    size = sum(len(Path(path).read_bytes()) for path in paths)  # so that neither census reads from a cold disk
    print(f"{len(paths):,} files, {size / 1e6:.1f} MB, below {options.folder}")

    with bar(len(paths)) if watched() else nullcontext(Lines(len(paths))) as progress:
        shared, total = together(paths, options.processes, progress)
    single = alone(paths)
    show(shared, single, options.folder)
    wrong = differences(shared, single, total)
    print("The pool's census is the single process's." if not wrong else "WRONG: " + "; ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
