"""What differs between operating systems: sockets that have no name, and which process is at a socket's other end.

A file for each system implements the functions in ``__all__``; this one chooses.
"""

from __future__ import annotations

import sys

from processing_core.lowlevel import SOCKET_FILES

if sys.platform == "linux":
    from processing_queues._platform._linux import peer as peer
elif sys.platform == "darwin":
    from processing_queues._platform._macos import peer as peer
else:
    raise ImportError(f"processing_queues does not support {sys.platform} yet")

if sys.platform == "linux" and not SOCKET_FILES:
    from processing_queues._platform._linux import nameless_sockets_may_work as nameless_sockets_may_work
    from processing_queues._platform._linux import open_without_access as open_without_access
    from processing_queues._platform._linux import path_of_descriptor as path_of_descriptor
else:
    from processing_queues._platform._posix import nameless_sockets_may_work as nameless_sockets_may_work
    from processing_queues._platform._posix import open_without_access as open_without_access
    from processing_queues._platform._posix import path_of_descriptor as path_of_descriptor

__all__ = ["nameless_sockets_may_work", "open_without_access", "path_of_descriptor", "peer"]
