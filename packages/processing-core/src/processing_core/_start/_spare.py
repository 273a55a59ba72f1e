"""A spare: a child of the forkserver, forked before anybody asked for it.

It waits for a request, and becomes the process that was asked for.  A spare that nobody needs gives itself up, so that
an idle program keeps none; it is never killed for that, for it might just have taken a request.
"""

import os
import pickle
import signal
import socket
from collections.abc import Callable
from types import FrameType

from processing_core import _lifeline
from processing_core._descriptors import timeval
from processing_core._native import _kernel
from processing_core._start import _forkserver_protocol as protocol
from processing_core._start._spawn import run_parcel

__all__ = ["GAVE_UP", "Handler", "SPARE_NAME", "bound_waiting", "live"]

GAVE_UP = 0
"""The exit code of a spare that nobody needed."""

SPARE_NAME = "ForkServer spare"

_PATIENCE = 10  # seconds

Handler = Callable[[int, FrameType | None], object] | int | None
"""What ``signal.signal`` takes and returns."""


def bound_waiting(control: socket.socket) -> None:
    """Bound how long a spare waits for a request; every reader of the socket shares the bound."""
    control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(_PATIENCE))


def live(control: socket.socket, desk: socket.socket, interrupt_handler: Handler) -> int:
    """Wait for a request, and be the process that it asks for.

    :return: the exit code.
    """
    _kernel.rename(SPARE_NAME)
    with control, desk:
        request = _wait(control)
        if request is None:
            return GAVE_UP
        # Blocked until it is known whether the parent's thread had it blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        signal.signal(signal.SIGINT, interrupt_handler)
        parcel = pickle.loads(request.parcel)
        _answer(desk, request.report)
    if request.lifeline >= 0:
        _lifeline.arm(request.lifeline)
    return run_parcel(parcel, request.luggage)


def _wait(control: socket.socket) -> protocol.Request | None:
    try:
        return protocol.receive_request(control)
    except BlockingIOError:
        return None


def _answer(desk: socket.socket, report: int) -> None:
    """Tell the server, then the client.

    In this order: what dies before the server knows of it has not answered, and what dies later is reported.
    """
    place = _kernel.member()
    assert place is not None
    pidfd = os.pidfd_open(os.getpid())
    with socket.socket(fileno=report) as client:
        protocol.send_taken(desk, os.getpid(), report)
        protocol.send_report(client, protocol.BORN, os.getpid(), place, pidfd)
    os.close(pidfd)
