"""Finds Wine, by which programs of Windows run here, or installs it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["ENVIRONMENT", "MissingWineError", "find"]

PACKAGES = ["wine", "wine64"]  # Debian's and Ubuntu's
PLACES = ["/usr/lib/wine/wine64", "/usr/lib/x86_64-linux-gnu/wine/wine64"]
"""Where Debian has the 64-bit loader itself: its ``wine`` complains that there is none for 32 bits."""

ENVIRONMENT = {
    "WINEARCH": "win64",
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "mscoree,mshtml,winedbg=",
    "DISPLAY": "",
}
"""Variables for every program that runs under Wine; ``WINEPREFIX`` is to be a folder of its own."""


class MissingWineError(Exception):
    """There is no Wine, and it cannot be installed."""


def _found() -> str | None:
    candidates: Iterable[str | None] = [shutil.which("wine64"), *(p for p in PLACES if Path(p).exists())]
    return next(filter(None, candidates), None)


def find() -> str:
    """The path of Wine's 64-bit loader, which is installed if it is missing.

    :raises MissingWineError: if that fails.
    """
    if path := _found():
        return path
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *PACKAGES]
    print(f"Wine is missing: {' '.join(install)}", flush=True)
    if shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "--quiet"], stdout=subprocess.DEVNULL, check=False)
        subprocess.run(install, stdout=subprocess.DEVNULL, check=False)
    if path := _found():
        return path
    raise MissingWineError(f"Wine is missing and could not be installed; Debian has it in {' '.join(PACKAGES)}")
