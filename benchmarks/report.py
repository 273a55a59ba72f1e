"""The table that is printed, and the JSON file."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import Any

from benchmarks.comparison import OURS, Peer, Row
from benchmarks.interleave import ABSENT, Outcome

HEADINGS = ["", "processing", "peer", "its time", "ratio", "floor", "aim", ""]
DISTRIBUTIONS = ["processing-core", "faster-fifo", "loky", "mpire"]


def record(row: Row, outcomes: dict[str, Outcome]) -> dict[str, Any]:
    """One row of the JSON file: seconds for one operation, or bytes."""
    ours = outcomes[OURS]
    return {
        "row": row.name,
        "what": row.what,
        "unit": row.unit,
        "measures": row.measures,
        "processing": side(ours),
        "peers": [
            {
                "name": peer.name,
                **side(outcomes[peer.name]),
                "ratio": ratio(ours, outcomes[peer.name]),
                "floor": peer.floor,
                "aim": peer.aim,
            }
            for peer in row.peers
        ],
    }


def side(outcome: Outcome) -> dict[str, Any]:
    """A side of a row, as the JSON file has it."""
    return {
        "median": outcome.median,
        "seconds": outcome.seconds,
        "operations": outcome.operations,
        "problem": outcome.problem,
    }


def ratio(ours: Outcome, peer: Outcome) -> float | None:
    """How many times longer the peer takes; of the medians."""
    if ours.median is None or peer.median is None:
        return None
    return peer.median / ours.median


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    versions: dict[str, str | None] = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "versions": versions,
    }


def lines(row: Row, outcomes: dict[str, Outcome]) -> Iterator[list[str]]:
    """The table's lines for one row, one for each peer."""
    ours = outcomes[OURS]
    for number, peer in enumerate(row.peers):
        outcome = outcomes[peer.name]
        times = ratio(ours, outcome)
        yield [
            row.what if number == 0 else "",
            shown(ours, row) if number == 0 else "",
            peer.name,
            shown(outcome, row),
            "" if times is None else f"{times:.2f}x",
            "" if peer.floor is None else f"{peer.floor:g}x",
            "" if peer.aim is None else f"{peer.aim:g}x",
            verdict(peer, times),
        ]


def verdict(peer: Peer, times: float | None) -> str:
    """Whether the promise is kept."""
    if times is None or peer.floor is None:
        return ""
    if times < peer.floor:
        return "BELOW THE FLOOR"
    return "aim" if peer.aim is not None and times >= peer.aim else "floor"


def table(rows: Iterable[list[str]], markdown: bool = False, headings: list[str] = HEADINGS) -> str:
    """Lines as a table."""
    rows = [headings, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))]
    shown = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    rule = ["-" * width for width in widths]
    if markdown:
        return "\n".join("| " + " | ".join(row) + " |" for row in [shown[0], rule, *shown[1:]])
    return "\n".join("  ".join(row).rstrip() for row in [shown[0], rule, *shown[1:]])


def problems(row: Row, outcomes: dict[str, Outcome]) -> Iterator[str]:
    """Why there are figures missing."""
    for outcome in outcomes.values():
        if outcome.problem not in (None, ABSENT):
            yield f"{row.name}, {outcome.side}: {outcome.problem}"


def shown(outcome: Outcome, row: Row) -> str:
    """A side's median, or why there is none."""
    if outcome.median is not None:
        return f"{amount(outcome.median, row.measures)}/{row.unit}"
    return ABSENT if outcome.problem == ABSENT else "failed"


def amount(number: float, measures: str | None = "seconds") -> str:
    """With three digits and a fitting unit."""
    return f"{number / 1e6:.3g} MB" if measures == "bytes" else duration(number)


def duration(seconds: float) -> str:
    """With three digits and a fitting unit."""
    for factor, unit in [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")]:
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
