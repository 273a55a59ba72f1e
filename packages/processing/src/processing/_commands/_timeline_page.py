"""The page of a timeline: one file, with its data, its style and its program."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

__all__ = ["page"]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body { margin: 0; font: 13px system-ui, sans-serif; background: #fff; color: #222; }
header { padding: 8px 12px; border-bottom: 1px solid #ddd; }
header b { margin-right: 12px; }
#hint { color: #777; }
#view { display: block; width: 100vw; cursor: crosshair; }
#about { position: fixed; display: none; background: #222; color: #fff; padding: 4px 8px; border-radius: 3px;
  pointer-events: none; white-space: pre; font-size: 12px; }
table { border-collapse: collapse; margin: 12px; }
td, th { padding: 2px 10px; text-align: right; border-bottom: 1px solid #eee; }
td:first-child, th:first-child { text-align: left; }
</style></head><body>
<header><b>{title}</b><span id="hint">wheel: zoom &nbsp; drag: move &nbsp; double click: all</span></header>
<canvas id="view"></canvas><div id="about"></div><div id="sums"></div>
<script type="application/json" id="data">{data}</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("view"), about = document.getElementById("about");
const LANE = 22, LEFT = 190, TOP = 24;
let from = 0, to = data.end || 1, drag = null;
const height = TOP + LANE * data.lanes.length + 8;
function color(span) {
  if (span[3] === "wait") return "#ddd";
  if (span[3] === "process") return "#eef2f7";
  let h = 0;
  for (const c of data.names[span[2]]) h = (h * 31 + c.charCodeAt(0)) % 360;
  return `hsl(${h} 60% 62%)`;
}
function x(t, w) { return LEFT + (t - from) / (to - from) * (w - LEFT); }
function time(us) {
  if (us >= 1e6) return (us / 1e6).toFixed(3) + " s";
  return us >= 1e3 ? (us / 1e3).toFixed(3) + " ms" : us.toFixed(1) + " us";
}
function draw() {
  const scale = devicePixelRatio || 1, w = innerWidth;
  canvas.width = w * scale; canvas.height = height * scale; canvas.style.height = height + "px";
  const g = canvas.getContext("2d");
  g.scale(scale, scale); g.clearRect(0, 0, w, height); g.font = "12px system-ui, sans-serif"; g.textBaseline = "middle";
  g.fillStyle = "#777";
  const step = Math.pow(10, Math.floor(Math.log10((to - from) / 4)));
  for (let t = Math.ceil(from / step) * step; t < to; t += step) {
    g.fillRect(x(t, w), TOP - 6, 1, height);
    g.globalAlpha = 0.15; g.fillRect(x(t, w), TOP, 1, height); g.globalAlpha = 1;
    if (x(t + step, w) - x(t, w) > 60) g.fillText(time(t), x(t, w) + 3, 10);
  }
  data.lanes.forEach((lane, i) => {
    const y = TOP + i * LANE;
    for (const span of lane.spans) {
      const a = Math.max(LEFT, x(span[0], w)), b = Math.min(w, x(span[0] + span[1], w));
      if (b < LEFT || a > w) continue;
      g.fillStyle = color(span); g.fillRect(a, y + 2, Math.max(1, b - a), LANE - 4);
      if (b - a > 40 && span[3] !== "process") {
        g.save(); g.beginPath(); g.rect(a, y, b - a, LANE); g.clip();
        g.fillStyle = "#222"; g.fillText(data.names[span[2]], a + 3, y + LANE / 2); g.restore();
      }
    }
    g.fillStyle = "#fff"; g.fillRect(0, y, LEFT, LANE);
    g.fillStyle = "#222"; g.fillText(lane.name.slice(0, 28), 8, y + LANE / 2);
  });
}
function at(event) {
  const w = innerWidth, box = canvas.getBoundingClientRect();
  const lane = data.lanes[Math.floor((event.clientY - box.top - TOP) / LANE)];
  const t = from + (event.clientX - LEFT) / (w - LEFT) * (to - from), slack = (to - from) / (w - LEFT);
  if (!lane || event.clientX < LEFT) return null;
  return lane.spans.findLast(s => s[0] - slack <= t && t <= s[0] + s[1] + slack) || null;
}
canvas.onwheel = event => {
  event.preventDefault();
  const t = from + (event.clientX - LEFT) / (innerWidth - LEFT) * (to - from), f = event.deltaY < 0 ? 0.8 : 1.25;
  from = t - (t - from) * f; to = t + (to - t) * f; draw();
};
canvas.onmousedown = event => { drag = [event.clientX, from, to]; };
onmouseup = () => { drag = null; };
ondblclick = () => { from = 0; to = data.end || 1; draw(); };
canvas.onmousemove = event => {
  if (drag) {
    const d = (drag[0] - event.clientX) / (innerWidth - LEFT) * (drag[2] - drag[1]);
    from = drag[1] + d; to = drag[2] + d; draw();
  }
  const span = at(event);
  about.style.display = span ? "block" : "none";
  if (span) {
    const items = span[4] > 1 ? `\\n${span[4]} items` : "";
    about.textContent = `${data.names[span[2]]}\\n${time(span[1])} from ${time(span[0])}${items}`;
    about.style.left = Math.min(event.clientX + 12, innerWidth - 260) + "px";
    about.style.top = event.clientY + 14 + "px";
  }
};
onresize = draw;
const table = document.createElement("table");
function row(cells, tag) {
  const tr = table.insertRow();
  for (const text of cells) { const cell = document.createElement(tag); cell.textContent = text; tr.append(cell); }
}
row(["task", "spans", "items", "in all", "longest"], "th");
for (const sum of data.sums) row([data.names[sum[0]], sum[1], sum[2], time(sum[3]), time(sum[4])], "td");
document.getElementById("sums").append(table);
draw();
</script></body></html>
"""


class _Names:
    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def all(self) -> list[str]:
        return list(self._numbers)


def page(events: Iterable[dict[str, Any]], title: str) -> str:
    """The page of a trace's events."""
    data = json.dumps(_data(list(events)), separators=(",", ":"))
    text = html.escape(title)
    return _PAGE.replace("{title}", text).replace("{data}", data.replace("<", "\\u003c"))


def _data(events: list[dict[str, Any]]) -> dict[str, Any]:
    processes = {e["pid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
    spans = [e for e in events if e["ph"] == "X"]
    names = _Names()
    lanes: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for e in spans:
        items = e.get("args", {}).get("items", 0)
        lane = lanes.setdefault((e["pid"], e["tid"]), [])
        lane.append((e["ts"], e["dur"], names.number(e["name"]), e.get("cat", ""), items))
    drawn = [_lane(processes, key, lanes[key]) for key in _ordered(lanes)]
    end = max((e["ts"] + e["dur"] for e in spans), default=1)
    return {"lanes": drawn, "sums": _sums(spans, names), "names": names.all(), "end": end}


def _ordered(lanes: dict[tuple[int, int], list[tuple[Any, ...]]]) -> list[tuple[int, int]]:
    """The lanes, those of a process together, in the order in which the processes began."""
    began: dict[int, float] = {}
    for (pid, _), spans in lanes.items():
        began[pid] = min([began.get(pid, float("inf")), *(span[0] for span in spans)])
    return sorted(lanes, key=lambda key: (began[key[0]], key[0], key[1]))


def _lane(processes: dict[int, str], key: tuple[int, int], spans: list[tuple[Any, ...]]) -> dict[str, Any]:
    pid, tid = key
    name = f"{processes.get(pid, pid)} ({pid})" if tid == 0 else f"    thread {tid % 100_000}"
    return {"name": name, "spans": sorted(spans, key=lambda span: (span[0], -span[1]))}


def _sums(spans: list[dict[str, Any]], names: _Names) -> list[tuple[int, int, int, float, float]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        if span.get("cat") == "task":
            found.setdefault(span["name"], []).append(span)
    rows = [
        (names.number(name), len(same), sum(s["args"]["items"] for s in same), *_total_and_longest(same))
        for name, same in found.items()
    ]
    return sorted(rows, key=lambda row: -row[3])


def _total_and_longest(spans: list[dict[str, Any]]) -> tuple[float, float]:
    return sum(s["dur"] for s in spans), max(s["dur"] for s in spans)
