"""Measures `processing` side by side with its peers: medians, ratios, and the promised figures.

python -m benchmarks                     everything, some minutes
python -m benchmarks --quick             fewer and shorter rounds
python -m benchmarks queue-small lock    some rows
python -m benchmarks --page results/x.json   the page with plots of an earlier run, x.html
python -m benchmarks --against HEAD~5    ours alone, against the packages of a git revision: is any row slower?
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.comparison import OURS, calibrate
from benchmarks.interleave import interleave
from benchmarks.page import rendered
from benchmarks.rows import ROWS

PERCENT = 100
ROUNDS, GOAL = 7, 0.3
QUICK_ROUNDS, QUICK_GOAL = 3, 0.1
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """:return: 1 if a row of ours could not be measured, or against a revision is slower."""
    options = _options()
    if options.measure:
        return _measure(*options.measure)
    if options.against is not None:
        return _against(options)
    if options.page is not None:
        print(_draw(options.page))
        return 0
    chosen = options.rows or list(ROWS)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    goal = QUICK_GOAL if options.quick else GOAL
    file = _file(options)
    records: list[dict[str, Any]] = []
    lines: list[list[str]] = []
    problems: list[str] = []
    failed = False
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        outcomes = interleave(ROWS[name], rounds, goal)
        failed |= outcomes[OURS].problem is not None
        records.append(report.record(ROWS[name], outcomes))
        lines += report.lines(ROWS[name], outcomes)
        problems += report.problems(ROWS[name], outcomes)
        file.write_text(json.dumps({"machine": report.machine(), "rows": records}, indent=1) + "\n")
    print(json.dumps(report.machine()))
    print(report.table(lines, options.markdown))
    print(*problems, f"Medians of {rounds} interleaved rounds; every sample is in {file}.", sep="\n")
    print(f"Plots are in {_draw(file)}.")
    return int(failed)


def _against(options: argparse.Namespace) -> int:
    from benchmarks import against
    from benchmarks.builds import BuildError

    plan = against.Plan(
        rows=[ROWS[name] for name in options.rows or ROWS],
        rounds=options.rounds or (against.QUICK_ROUNDS if options.quick else against.ROUNDS),
        goal=QUICK_GOAL if options.quick else GOAL,
        limit=options.limit / PERCENT,
    )
    file = _file(options)
    try:
        with against.built(options.against) as builds:
            slower = against.run(plan, builds, file, options.markdown)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    return int(slower)


def _draw(file: Path) -> Path:
    """Write the page of a run beside its samples."""
    page = file.with_suffix(".html")
    page.write_text(rendered(json.loads(file.read_text())))
    return page


def _file(options: argparse.Namespace) -> Path:
    file: Path = options.json or RESULTS / f"{datetime.now():%Y%m%d-%H%M%S}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"what to measure: {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} short rounds instead of {ROUNDS}")
    parser.add_argument("--rounds", type=int, help="how often each side is measured")
    parser.add_argument("--json", type=Path, help="the file for the samples; by default benchmarks/results/<time>.json")
    parser.add_argument("--page", type=Path, metavar="JSON", help="measure nothing: draw the page of an earlier run")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--against", metavar="REV", help="compare the packages as they are now with a git revision's")
    parser.add_argument("--limit", type=float, default=3, help="per cent by which a row may become slower (3)")
    parser.add_argument("--measure", nargs=3, metavar=("ROW", "SIDE", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return options


def _measure(name: str, side: str, goal: str) -> int:
    row = ROWS[name]
    operations, seconds = calibrate(row.side(side), row.first, float(goal))
    print(json.dumps({"operations": operations, "seconds": seconds, "packages": _packages()}))
    return 0


def _packages() -> str | None:
    """The folder from which `processing` is imported."""
    spec = importlib.util.find_spec("processing")
    return None if spec is None or spec.origin is None else str(Path(spec.origin).parents[1])


if __name__ == "__main__":
    sys.exit(main())
