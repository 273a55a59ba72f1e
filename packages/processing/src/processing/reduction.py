"""How objects and descriptors are sent to other processes."""

from __future__ import annotations

from processing_core.reduction import ACKNOWLEDGE as ACKNOWLEDGE
from processing_core.reduction import HAVE_SEND_HANDLE as HAVE_SEND_HANDLE
from processing_core.reduction import AbstractReducer as AbstractReducer
from processing_core.reduction import DupFd as DupFd
from processing_core.reduction import ForkingPickler as ForkingPickler
from processing_core.reduction import dump as dump
from processing_core.reduction import recv_handle as recv_handle
from processing_core.reduction import recvfds as recvfds
from processing_core.reduction import reduce_socket as _reduce_any_socket
from processing_core.reduction import register as register
from processing_core.reduction import send_handle as send_handle
from processing_core.reduction import sendfds as sendfds

__all__ = [
    "ForkingPickler",
    "AbstractReducer",
    "register",
    "dump",
    "DupFd",
    "send_handle",
    "recv_handle",
    "sendfds",
    "recvfds",
    "HAVE_SEND_HANDLE",
    "ACKNOWLEDGE",
]

_reduce_socket = _reduce_any_socket  # which libraries take from here
