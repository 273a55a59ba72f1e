"""What differs between operating systems: sockets that have no name, and which process is at a socket's other end.

A file for each system implements the functions in ``__all__``; this one chooses.
"""

from __future__ import annotations

import sys

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import SOCKET_FILES

if TYPE_CHECKING:
    from processing_queues._platform._posix_selector import Selector

if sys.platform == "linux":
    from processing_queues._platform._linux import default_family as default_family
    from processing_queues._platform._linux import families as families
    from processing_queues._platform._linux import get_blocking as get_blocking
    from processing_queues._platform._linux import peeked as peeked
    from processing_queues._platform._linux import peer as peer
    from processing_queues._platform._linux import read as read
    from processing_queues._platform._linux import set_blocking as set_blocking
    from processing_queues._platform._linux import write as write
elif sys.platform == "darwin":
    from processing_queues._platform._macos import default_family as default_family
    from processing_queues._platform._macos import families as families
    from processing_queues._platform._macos import get_blocking as get_blocking
    from processing_queues._platform._macos import peeked as peeked
    from processing_queues._platform._macos import peer as peer
    from processing_queues._platform._macos import read as read
    from processing_queues._platform._macos import set_blocking as set_blocking
    from processing_queues._platform._macos import write as write
elif sys.platform == "win32":
    from processing_queues._platform._windows import begins_anew as begins_anew
    from processing_queues._platform._windows import borrowed_stream as borrowed_stream
    from processing_queues._platform._windows import default_family as default_family
    from processing_queues._platform._windows import families as families
    from processing_queues._platform._windows import finish_now as finish_now
    from processing_queues._platform._windows import get_blocking as get_blocking
    from processing_queues._platform._windows import hang_up as hang_up
    from processing_queues._platform._windows import nameless_sockets_may_work as nameless_sockets_may_work
    from processing_queues._platform._windows import open_without_access as open_without_access
    from processing_queues._platform._windows import path_of_descriptor as path_of_descriptor
    from processing_queues._platform._windows import peeked as peeked
    from processing_queues._platform._windows import peer as peer
    from processing_queues._platform._windows import pipe_socket as pipe_socket
    from processing_queues._platform._windows import read as read
    from processing_queues._platform._windows import set_blocking as set_blocking
    from processing_queues._platform._windows import write as write
    from processing_queues._platform._windows import write_now as write_now
    from processing_queues._platform._windows import writing_end as writing_end
else:
    raise ImportError(f"processing_queues does not support {sys.platform} yet")

if sys.platform == "linux" and not SOCKET_FILES:
    from processing_queues._platform._linux import nameless_sockets_may_work as nameless_sockets_may_work
    from processing_queues._platform._linux import open_without_access as open_without_access
    from processing_queues._platform._linux import path_of_descriptor as path_of_descriptor
elif sys.platform != "win32":
    from processing_queues._platform._posix import nameless_sockets_may_work as nameless_sockets_may_work
    from processing_queues._platform._posix import open_without_access as open_without_access
    from processing_queues._platform._posix import path_of_descriptor as path_of_descriptor

if sys.platform != "win32":
    from processing_queues._platform._posix_streams import begins_anew as begins_anew
    from processing_queues._platform._posix_streams import borrowed_stream as borrowed_stream
    from processing_queues._platform._posix_streams import finish_now as finish_now
    from processing_queues._platform._posix_streams import hang_up as hang_up
    from processing_queues._platform._posix_streams import pipe_socket as pipe_socket
    from processing_queues._platform._posix_streams import write_now as write_now
    from processing_queues._platform._posix_streams import writing_end as writing_end

__all__ = [
    "begins_anew",
    "default_family",
    "families",
    "finish_now",
    "get_blocking",
    "hang_up",
    "nameless_sockets_may_work",
    "open_without_access",
    "path_of_descriptor",
    "peeked",
    "peer",
    "pipe_socket",
    "read",
    "selector",
    "set_blocking",
    "borrowed_stream",
    "write",
    "write_now",
    "writing_end",
]


def selector() -> Selector:
    """A selector of the listening socket and of pending connections; imported where it is used, as `selectors` is."""
    if sys.platform == "win32":
        from processing_queues._platform import _windows_selector as chosen
    else:
        from processing_queues._platform import _posix_selector as chosen
    return chosen.Selector()
