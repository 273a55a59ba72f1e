"""A spare: a child that the forkserver forks before a client requests it.

A spare runs the program's main module, waits for a request, and becomes the requested process.  A spare that is forked
for a request which waits already takes the request first and runs the main module afterwards: if the main module ends
it, that is the end of the requested process.  A spare that gets no request for some seconds exits, so that an idle
program keeps none.  The server never kills a spare for being idle, because the spare may just have taken a request.
"""

from __future__ import annotations

import _socket

from processing_core import _lifeline
from processing_core._fds.descriptors import timeval
from processing_core._native import _kernel
from processing_core._start._preparation import Preparation, run_main_ahead
from processing_core._start._spawn import run_parcel
from processing_core.annotations import Any, signal

__all__ = ["SPARE_NAME", "UNUSED", "bound_waiting", "run"]

UNUSED = 0
"""The exit code of a spare that got no request."""

SPARE_NAME = "ForkServer spare"

_LONGEST_WAIT = 10  # seconds
_LONGEST_END = 1  # seconds; for the threads and exit functions of a main module in an unused spare


def bound_waiting(control: _socket.socket) -> None:
    """Bound how long a spare waits for a request; every reader of the socket shares the bound."""
    control.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, timeval(_LONGEST_WAIT))


def run(
    control: int, server_socket: int, prepared: Preparation, on_child: Any = signal.SIG_DFL, *, ahead: bool = False
) -> int:
    """Wait for a request, and run the process that it asks for.

    :param control: The socket on which requests arrive; the spare closes it when it has taken one.
    :param server_socket: The socket by which the spare tells the server that it has taken one; closed then, too.
    :param prepared: The preparation that the server has applied.
    :param on_child: The handler of SIGCHLD that the process shall have.
    :param ahead: Whether the spare runs the main module before it takes a request.
    :return: the exit code.
    """
    _kernel.rename(SPARE_NAME)
    if on_child is not signal.SIG_DFL:
        signal.signal(signal.SIGCHLD, on_child)
    if ahead:
        run_main_ahead(prepared)
        _kernel.ignore_interrupts()  # the main module may have set a handler
    request = _kernel.take_request(control, server_socket, _kernel.Parcel)
    if request is None:
        _bound_end()
        return UNUSED
    parcel, lifeline, inherited = request
    if lifeline >= 0:
        _lifeline.arm(lifeline)
    if not ahead:
        run_main_ahead(prepared)
    return run_parcel(parcel, inherited, prepared)


def _bound_end() -> None:
    """End this process soon, even if the main module has started threads that do not end."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    signal.alarm(_LONGEST_END)
