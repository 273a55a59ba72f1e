"""The figures of a run as one HTML page: bars for each row, and curves for rows that differ in a number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from benchmarks.comparison import OURS
from benchmarks.report import amount

WIDTH, LABELS, VALUES = 760, 170, 190
"""Pixels of a chart, of the sides' names at its left, and of the figures at its right."""
BAR, GAP, AXIS = 18, 8, 26
CURVES = 320
"""Pixels of the height of the curves."""
COLOURS = ("#8c6d31", "#b5533c", "#6b5b95", "#3f7cac", "#a05195", "#7a7a7a")
OUR_COLOUR = "#12805c"
FAMILY = re.compile(r"(?P<name>.+)-(?:1e(?P<power>\d+)|(?P<number>\d+))")

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2em auto; padding: 0 1em; color: #222; }
h1 { font-size: 1.6em; } h2 { font-size: 1.25em; margin-top: 2em; } h3 { font-size: 1em; margin: 1.6em 0 .2em; }
svg { width: 100%; height: auto; } text { font: 13px system-ui, sans-serif; fill: #222; }
.tick { fill: #777; font-size: 11px; } .grid { stroke: #ddd; } .spread { stroke: #222; stroke-width: 1.5; }
.note { color: #666; } .below { color: #b00020; }
@media (prefers-color-scheme: dark) {
  body { background: #181a1b; color: #ddd; } text { fill: #ddd; } .tick { fill: #999; }
  .grid { stroke: #383b3d; } .spread { stroke: #eee; } .note { color: #999; } .below { color: #ff8a80; }
}
"""


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis between two pixels.

    :param low: the number at ``begin``.
    :param high: the number at ``end``.
    """

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, number: float) -> float:
        """The pixel of a number."""
        part = math.log(number / self.low) / math.log(self.high / self.low)
        return self.begin + part * (self.end - self.begin)

    def decades(self) -> list[float]:
        """The powers of ten on the axis."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]


def spanning(numbers: Sequence[float], begin: float, end: float, room: float = 1.0) -> Scale:
    """An axis of whole decades that has all numbers; the least has at least ``room`` decades' tenth before it."""
    low = 10.0 ** math.floor(math.log10(min(numbers) * 0.7 * room))
    high = 10.0 ** math.ceil(math.log10(max(numbers) * 1.001))
    return Scale(low, max(high, 10 * low), begin, end)


def rendered(figures: dict[str, Any]) -> str:
    """The page.

    :param figures: what the JSON file of a run has.
    """
    rows = figures["rows"]
    curves = "".join(_curves(name, kind, family) for (name, kind), family in _families(rows))
    parts = [
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Benchmarks of processing</title><style>{STYLE}</style>",
        "<h1>Benchmarks of <code>processing</code></h1>",
        f"<p class=note>{escape(_described(figures['machine']))}</p>",
        "<p>Time for one operation; shorter is better. Bars are medians, on logarithmic axes; the line on a bar goes"
        " from the quickest to the slowest round. The number behind says how many times longer a side takes.</p>",
        f"<h2>Scaling</h2>{curves}" if curves else "",
        "<h2>Rows</h2>",
        *(_bars(row) for row in rows),
        "</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _described(machine: dict[str, Any]) -> str:
    return f"CPython {machine['python']}, {machine['system']}, {machine['architecture']}, {machine['cpus']} processors"


def _sides(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that were measured."""
    sides = [{"name": OURS, **row["processing"]}, *row["peers"]]
    return [side for side in sides if side["median"]]


def _colour(number: int) -> str:
    return OUR_COLOUR if number == 0 else COLOURS[(number - 1) % len(COLOURS)]


# -- bars ------------------------------------------------------------------------------------------


def _bars(row: dict[str, Any]) -> str:
    sides = _sides(row)
    title = f"<h3 id='{escape(row['row'])}'>{escape(row['what'])} <code>{escape(row['row'])}</code></h3>"
    missing = _missing(row)
    if not sides:
        return title + missing
    axis = spanning([time for side in sides for time in side["seconds"]], LABELS, WIDTH - VALUES)
    height = len(sides) * (BAR + GAP) + AXIS
    marks = [*_grid(axis, height, row), *(_bar(axis, n, side, row) for n, side in enumerate(sides))]
    label = escape(f"{row['what']}: time of each side")
    chart = f"<svg viewBox='0 0 {WIDTH} {height}' role=img aria-label='{label}'>{''.join(marks)}</svg>"
    return title + chart + missing


def _grid(axis: Scale, height: float, row: dict[str, Any]) -> Iterator[str]:
    for number in axis.decades():
        x = axis(number)
        yield f"<line class=grid x1={x:.1f} x2={x:.1f} y1=0 y2={height - AXIS + 4} />"
        text = amount(number, row.get("measures"))
        yield f"<text class=tick x={x:.1f} y={height - 8} text-anchor=middle>{text}</text>"


def _bar(axis: Scale, number: int, side: dict[str, Any], row: dict[str, Any]) -> str:
    y, end = number * (BAR + GAP) + GAP / 2, axis(side["median"])
    low, high = axis(min(side["seconds"])), axis(max(side["seconds"]))
    middle, text = y + BAR / 2, y + BAR / 2 + 4.5
    value = amount(side["median"], row.get("measures"))
    times = f" · {side['ratio']:.3g}x" if side.get("ratio") else ""
    floor = side.get("floor")
    below = ", below floor" if floor and side.get("ratio") and side["ratio"] < floor else ""
    told = f"{side['name']}: {value} for one {row['unit']}; {len(side['seconds'])} rounds"
    return (
        f"<g><title>{escape(told)}</title>"
        f"<text x={LABELS - 8} y={text} text-anchor=end>{escape(side['name'])}</text>"
        f"<rect x={LABELS} y={y} width={end - LABELS:.1f} height={BAR} fill='{_colour(number)}' />"
        f"<line class=spread x1={low:.1f} x2={high:.1f} y1={middle} y2={middle} />"
        f"<text x={WIDTH - VALUES + 8} y={text}>{escape(value + times + below)}</text></g>"
    )


def _missing(row: dict[str, Any]) -> str:
    sides = [{"name": OURS, **row["processing"]}, *row["peers"]]
    reasons = [f"{side['name']}: {side['problem']}" for side in sides if side["problem"]]
    return f"<p class=note>{escape('; '.join(reasons))}</p>" if reasons else ""


# -- curves ----------------------------------------------------------------------------------------


def _families(rows: Iterable[dict[str, Any]]) -> list[tuple[tuple[str, str], list[tuple[float, dict[str, Any]]]]]:
    """The rows that differ in one number only, with that number, by name and by what the number is."""
    families: dict[tuple[str, str], list[tuple[float, dict[str, Any]]]] = {}
    for row in rows:
        found = FAMILY.fullmatch(row["row"])
        if found and row["processing"]["median"]:
            kind = "operations" if found["power"] else "processes"
            number = 10.0 ** int(found["power"]) if found["power"] else float(found["number"])
            families.setdefault((found["name"], kind), []).append((number, row))
    return [(key, sorted(family, key=lambda entry: entry[0])) for key, family in families.items() if len(family) > 1]


def _curves(name: str, kind: str, family: list[tuple[float, dict[str, Any]]]) -> str:
    lines: dict[str, list[tuple[float, float]]] = {}
    for number, row in family:
        for side in _sides(row):
            lines.setdefault(side["name"], []).append((number, side["median"]))
    unit = family[0][1]["unit"]
    across = Scale(family[0][0], family[-1][0], 80, WIDTH - VALUES)
    up = spanning([time for points in lines.values() for _, time in points], CURVES - AXIS - 10, 10)
    marks = [*_frame(across, up, [number for number, _ in family])]
    for index, (side, points) in enumerate(lines.items()):
        marks.append(_curve(across, up, side, points, _colour(index)))
    title = f"<h3>Time for one {escape(unit)} by the number of {kind} <code>{escape(name)}</code></h3>"
    label = f"aria-label='{escape(name)} by {kind}'"
    return f"{title}<svg viewBox='0 0 {WIDTH} {CURVES}' role=img {label}>{''.join(marks)}</svg>"


def _frame(across: Scale, up: Scale, numbers: list[float]) -> Iterator[str]:
    for time in up.decades():
        y = up(time)
        yield f"<line class=grid x1=80 x2={WIDTH - VALUES} y1={y:.1f} y2={y:.1f} />"
        yield f"<text class=tick x=72 y={y + 4:.1f} text-anchor=end>{amount(time)}</text>"
    for number in numbers:
        yield f"<text class=tick x={across(number):.1f} y={CURVES - 12} text-anchor=middle>{number:,.0f}</text>"


def _curve(across: Scale, up: Scale, side: str, points: list[tuple[float, float]], colour: str) -> str:
    places = [(across(number), up(time)) for number, time in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f"<circle cx={x:.1f} cy={y:.1f} r=4 fill='{colour}'><title>{escape(side)}: {amount(time)}</title></circle>"
        for (x, y), (_, time) in zip(places, points, strict=True)
    )
    line = f"<polyline points='{path}' fill=none stroke='{colour}' stroke-width=2 />"
    x, y = places[-1]
    return f"{line}{dots}<text x={x + 10:.1f} y={y + 4:.1f}>{escape(side)}</text>"
