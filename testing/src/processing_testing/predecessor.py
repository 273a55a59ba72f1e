"""A stand-in for the package of 2008: ``processing-0.52.tar.gz``, which ends as that does on Python 3.

python -m processing_testing.predecessor FOLDER
"""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

NAME = "processing-0.52"
FILES = {
    "PKG-INFO": "Metadata-Version: 1.0\nName: processing\nVersion: 0.52\n",
    "setup.py": "raise ValueError, 'this is Python 2'\n",
}


def make(folder: Path) -> Path:
    """Write the source distribution.

    :return: its path.
    """
    path = folder / f"{NAME}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in FILES.items():
            member = tarfile.TarInfo(f"{NAME}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


if __name__ == "__main__":
    make(Path(sys.argv[1]))
