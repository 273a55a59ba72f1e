"""The versions of all that is in use."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata

DISTRIBUTIONS = (
    "processing",
    "processing-core",
    "processing-sync",
    "processing-queues",
    "processing-managers",
    "processing-pool",
)


def versions() -> Iterator[str]:
    """Lines: each distribution with its version, the interpreter, and the system."""
    for name in DISTRIBUTIONS:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"{name} is not installed as a distribution"
    yield f"{platform.python_implementation()} {platform.python_version()}"
    yield platform.platform()
