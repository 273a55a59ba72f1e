"""``python -m processing timeline``: a page of a recorded trace, to look at in a browser without a network."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser

from processing._commands import PROGRAM
from processing._commands._timeline_page import page
from processing_core import tracing

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Run the command.

    :return: 0; 1 if there is no such trace.
    """
    parser = ArgumentParser(prog=f"{PROGRAM} timeline", description="Write a page with the timeline of a trace.")
    parser.add_argument("trace", help="what processing.trace or PROCESSING_TRACE has written")
    parser.add_argument("--output", "-o", help="the page; by default the trace's name with .html")
    options = parser.parse_args(arguments)
    try:
        events = _events(options.trace)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{PROGRAM}: {options.trace} is no trace: {error}", file=sys.stderr)
        return 1
    output = options.output or os.path.splitext(options.trace)[0] + ".html"
    with open(output, "w", encoding="utf-8") as file:
        file.write(page(events, os.path.basename(options.trace)))
    print(output)
    return 0


def _events(path: str) -> list[dict[str, object]]:
    """The events of a trace; one whose program was killed is merged first."""
    tracing.merge_parts(path)
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    events: list[dict[str, object]] = found["traceEvents"]
    return events
