"""The command line: a table of subcommands, of which only the one that was asked for is imported.

A subcommand is a module with a function ``main(arguments: list[str]) -> int`` that parses its own arguments and returns
the exit status. To add one: the module, and its line in `COMMANDS`.
"""

from __future__ import annotations

import sys
from importlib import import_module

from processing_core.annotations import NamedTuple

PROGRAM = "python -m processing"


class Command(NamedTuple):
    """One subcommand: the module that has it, and what it does."""

    module: str
    summary: str


COMMANDS = {
    "run": Command("processing._commands._run", "run a program that uses multiprocessing on this package"),
    "top": Command("processing._commands._top", "show what the processes of a running program do"),
    "stacks": Command("processing._commands._stacks", "print where the processes of a running program wait"),
    "timeline": Command("processing._commands._timeline", "make a page of a recorded trace"),
    "check": Command("processing._commands._check", "try whether everything works on this machine"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    :param arguments: those after the program's name; by default this process's.
    :return: the exit status: 0, 1 if the command says so, 2 for wrong arguments (by `SystemExit`).
    """
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in COMMANDS:
        status: int = import_module(COMMANDS[given[0]].module).main(given[1:])
        return status
    return _without_command(given)


def _without_command(given: list[str]) -> int:
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items())
    parser = ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [-h] [--version] [COMMAND ...]",
        epilog=f"commands:\n{listing}\n\n`{PROGRAM} COMMAND --help` tells more.",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="show the versions of everything that is in use")
    parser.add_argument("command", nargs="?", metavar="COMMAND", choices=list(COMMANDS), help="what to do")
    options = parser.parse_args(given)
    if options.command is not None:  # after an option of this parser
        parser.error(f"the command comes first: `{PROGRAM} {options.command}`")
    if options.version:
        from processing._commands._versions import versions

        print("\n".join(versions()))
    else:
        parser.print_help()
    return 0
