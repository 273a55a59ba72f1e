"""Counts the identifiers of the standard library, on this machine or on a cluster of Dask's.

    python examples/cluster_census.py
    python examples/cluster_census.py tcp://127.0.0.1:8786
    python examples/cluster_census.py tls://scheduler:8786 ca.pem certificate.pem key.pem

Only the making of the pool differs. Workers need not have this file, but the same version of Python.
"""

from __future__ import annotations

import sys
import sysconfig
from collections import Counter
from pathlib import Path

import processing
from processing import cluster


def count(text: str) -> Counter[str]:
    """The identifiers of a source, by how often they occur."""
    return Counter(word for word in text.replace("(", " ").replace(".", " ").split() if word.isidentifier())


def make_pool(address: str | None, files: list[str]) -> processing.Pool:
    """A pool of this machine's processors, or of a cluster's."""
    if address is None:
        return processing.Pool()
    security = dict(zip(("ca", "cert", "key"), files, strict=False)) or None
    return cluster.connect(address, security=security).Pool()


def main(address: str | None = None, *files: str) -> None:
    """Count, and show the ten most frequent."""
    found = Path(sysconfig.get_path("stdlib")).glob("*.py")
    paths = sorted(path for path in found if path.is_file())  # distributions put links there, which may lead nowhere
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in paths)
    total: Counter[str] = Counter()
    with make_pool(address, list(files)) as pool:
        for counted in pool.imap_unordered(count, texts):
            total += counted
    for word, times in total.most_common(10):
        print(f"{times:7} {word}")


if __name__ == "__main__":
    main(*sys.argv[1:])
