"""``python -m processing stacks``: where each process and thread of a running program waits."""

from __future__ import annotations

from argparse import ArgumentParser

from processing._commands import PROGRAM
from processing._commands._screen import stacks
from processing._commands._top import shown
from processing_core import introspection

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Run the command; the exit status."""
    parser = ArgumentParser(
        prog=f"{PROGRAM} stacks",
        description="Print where each process and thread of a running program waits, if it has waited for 0.4 s.",
    )
    parser.add_argument("pid", type=int, nargs="?", help="any process of the program; by default that of the only one")
    options = parser.parse_args(arguments)
    return shown(options.pid, lambda pid: print(stacks(introspection.family(pid)), end=""))
