"""``python -m processing top``: what the processes of a running program do, from outside."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable

from processing._commands import PROGRAM
from processing._commands._screen import Screen
from processing_core import introspection
from processing_core.introspection import Family, NotReadable

__all__ = ["chosen", "main"]


def main(arguments: list[str]) -> int:
    """Run the command.

    :return: 0; 1 if there is nothing to see, or this process may not look.
    """
    parser = ArgumentParser(prog=f"{PROGRAM} top", description="Show what the processes of a running program do.")
    parser.add_argument("pid", type=int, nargs="?", help="any process of the program; by default that of the only one")
    parser.add_argument("--once", action="store_true", help="print it once, as text")
    parser.add_argument("--json", action="store_true", help="print it once, as JSON")
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="between two looks (1)")
    options = parser.parse_args(arguments)
    return shown(options.pid, lambda pid: _show(pid, options.once, options.json, max(0.05, options.interval)))


def shown(given: int | None, show: Callable[[int], object]) -> int:
    """Show a family, or say why not; the exit status."""
    try:
        pid = chosen(given)
        if pid is None:
            return 1
        show(pid)
    except NotReadable as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def chosen(given: int | None) -> int | None:
    """The pid that was given, or one of the only family; ``None`` if there are several, which are listed.

    :raises NotReadable: if there is none.
    """
    if given is not None:
        return given
    found = introspection.list_families()
    if not found:
        raise NotReadable("no program of this user runs that uses processing, or the system does not let one look")
    if len(found) == 1:
        return found[0][0]
    print(f"There are several; say which, by the pid of one of its processes: {PROGRAM} top PID")
    for pids in found:
        print(f"  {' '.join(map(str, pids[:8]))}{' ...' if len(pids) > 8 else ''}")
    return None


def _show(pid: int, once: bool, as_json: bool, interval: float) -> None:
    family = introspection.family(pid)
    if as_json:
        json.dump(family.to_dict(), sys.stdout, indent=1)
        print()
    elif once:
        print(Screen(family).text(), end="")
    else:
        _live(pid, family, interval)


def _live(pid: int, family: Family, interval: float) -> None:
    try:
        from rich.live import Live  # type: ignore[import-not-found, unused-ignore]
        from rich.text import Text  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise NotReadable("the live view needs rich: pip install processing[top]; or take --once") from None
    began = time.monotonic()
    with Live(Text(Screen(family).text(), no_wrap=True), screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(interval)
            before, family = family, _again(pid, family)
            now = time.monotonic()
            live.update(Text(Screen(family, before, now - began).text(), no_wrap=True), refresh=True)
            began = now


def _again(pid: int, family: Family) -> Family:
    """A later snapshot; by another member if this one has ended.

    :raises NotReadable: if all have.
    """
    for one in [pid, *(member.pid for member in family.members)]:
        try:
            return introspection.family(one)
        except NotReadable:
            continue
    raise NotReadable("the program has ended")
