"""A spare: a child of the forkserver, forked before anybody asked for it.

It waits for a request, and becomes the process that was asked for.  A spare that nobody needs gives itself up, so that
an idle program keeps none; it is never killed for that, for it might just have taken a request.
"""

from __future__ import annotations

import socket

from processing_core import _lifeline
from processing_core._descriptors import timeval
from processing_core._native import _kernel
from processing_core._start._preparation import Preparation
from processing_core._start._spawn import run_parcel

__all__ = ["GAVE_UP", "SPARE_NAME", "bound_waiting", "live"]

GAVE_UP = 0
"""The exit code of a spare that nobody needed."""

SPARE_NAME = "ForkServer spare"

_PATIENCE = 10  # seconds


def bound_waiting(control: socket.socket) -> None:
    """Bound how long a spare waits for a request; every reader of the socket shares the bound."""
    control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(_PATIENCE))


def live(control: int, desk: int, prepared: Preparation) -> int:
    """Wait for a request, and be the process that it asks for.

    :param control: Where requests come, closed when one has come.
    :param desk: Where the server hears that it was taken, closed likewise.
    :param prepared: What the server has taken over.
    :return: the exit code.
    """
    _kernel.rename(SPARE_NAME)
    request = _kernel.take_request(control, desk, _kernel.Parcel)
    if request is None:
        return GAVE_UP
    parcel, lifeline, luggage = request
    if lifeline >= 0:
        _lifeline.arm(lifeline)
    return run_parcel(parcel, luggage, prepared)
