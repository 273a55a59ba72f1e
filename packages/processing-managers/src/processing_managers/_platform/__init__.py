"""What differs between operating systems: shared memory with a name, and the address of a server that got none.

`Names` is what a platform must offer for shared memory.  A file for each system implements it and the functions in
``__all__``; this one chooses.  ``names`` is imported when it is asked for, because a server may need none:
``__getattr__`` chooses it.
"""

from __future__ import annotations

import sys

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import SOCKET_FILES
from processing_managers._platform._names import Names as Names
from processing_managers._platform._names import OpenedSection

__all__ = ["Names", "names", "opened_section", "private_address"]

if sys.platform == "win32":
    from processing_managers._platform._windows import opened_section as opened_section
    from processing_managers._platform._windows import private_address as private_address
elif sys.platform == "linux" or sys.platform == "darwin":
    if SOCKET_FILES:
        from processing_managers._platform._posix_addresses import private_address as private_address
    else:
        from processing_managers._platform._linux_addresses import private_address as private_address

    opened_section: OpenedSection | None = None
else:
    raise ImportError(f"processing_managers does not support {sys.platform} yet")

if TYPE_CHECKING:
    names: Names
else:

    def __getattr__(name: str) -> object:
        if name != "names":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()["names"] = found = _names()
        return found

    def _names() -> Names:
        if sys.platform == "win32":
            from processing_managers._platform._windows import SectionNames

            return SectionNames()
        if sys.platform == "linux":
            from processing_managers._platform._linux import LinuxNames

            return LinuxNames()
        from processing_core.lowlevel import socket_folder
        from processing_managers._platform._files import FileNames

        return FileNames(socket_folder())
