"""The program whose instructions are counted; it imports only what the row needs.

python -m benchmarks.counted SUBJECT ROW N
"""

from __future__ import annotations

import sys
from importlib import import_module


def main(subject: str, name: str, n: str) -> None:
    """Do *n* operations of a row."""
    rows = import_module(f"benchmarks.rows.{subject}").ROWS
    next(row for row in rows if row.name == name).ours(int(n))


if __name__ == "__main__":
    main(*sys.argv[1:])
