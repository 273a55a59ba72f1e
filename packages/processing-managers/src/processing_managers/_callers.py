"""Callers: what a thread of a client sends its calls by.

Within the family a caller is two rings in the arena, one for requests and one for answers::

    thread of a client                                     its thread of the server
    RingCaller.ask ─── (number, request) ──▶ requests ──▶ Attendant.serve_ring
                   ◀── answers ◀── (number, answer) ─────

Outside of it, it is a connection.  Either has a thread of its own in the server, which carries out each call that it
receives: no call is handed from one thread to another, and one that waits, such as the `acquire` of a managed lock,
delays nobody else.  (Measured on two processors, 8 clients at once: 10 to 19 us a call, against 10 with one thread that
serves all, and would have to know which methods wait; one client: 11 us with either.  ``multiprocessing``: 77 and 45.)

An answer bears the number of its request.  One that the asker no longer waits for, because a signal handler raised,
is thrown away.  A ring is shut by whoever leaves: the client's thread when it ends, the server's when it ends, and the
server for a client that is gone.  So no thread of the server waits for a client that was killed; and a client that
waits looks, every so often, whether the server has hung up.
"""

from __future__ import annotations

import itertools
import os
import queue
from collections.abc import Callable

from processing_core import ClosedError
from processing_core.annotations import Any, Protocol
from processing_core.lowlevel import Queue as Ring
from processing_core.lowlevel import dumps, loads
from processing_managers._messages import Request, failure
from processing_queues import Connection, ShutDown

__all__ = ["Caller", "Lost", "RingCaller", "StreamCaller"]

_SLICE = 0.3  # seconds between two looks at the server's life


class Lost(Exception):
    """The server hung up, or can be heard no more."""


class Caller(Protocol):
    """A way for one thread to make one call at a time."""

    pending: bool
    """Whether there may be an answer to come, so that it cannot be used again."""

    def ask(self, request: Request) -> Any:
        """What the call returns; blocks.

        :raises Lost: if the server is gone.
        :raises BaseException: what the call raises, or its pickling, or unpickling its answer.
        """

    def close(self) -> None:
        """Let the server's thread end, when it has carried out its call."""


class RingCaller:
    """A caller within the family.

    :param open: tells the server to answer: it is given the two rings.
    :param ended: whether the server hung up.
    """

    def __init__(self, open: Callable[[Ring[Any], Ring[Any]], None], ended: Callable[[], bool]) -> None:  # noqa: A002
        self.pending = False
        self._requests: Ring[Any] = Ring()
        self._answers: Ring[Any] = Ring()
        self._ended = ended
        self._numbers = itertools.count(1)
        self._owner = os.getpid()
        open(self._requests, self._answers)

    def ask(self, request: Request) -> Any:
        """What the call returns; blocks."""
        number = next(self._numbers)
        try:
            self._requests._send(number, 0, request)  # what cannot be pickled raises here, and was not sent
        except ShutDown:
            if self._requests.is_shutdown:
                raise Lost from None
            raise
        self.pending = True
        while True:
            try:
                answered, failed, _, loaded, said = self._answers._receive(_SLICE)
            except queue.Empty:
                if self._ended():
                    raise Lost from None
                continue
            except ClosedError:
                raise Lost from None
            if answered == number:
                break
        self.pending = False
        if not loaded:
            try:
                raise said
            finally:
                del said  # lest it refer to itself, by its traceback
        return _said(failed, said)

    def close(self) -> None:
        """Let the server's thread end."""
        if self._owner == os.getpid():  # in a forked child these are the parent's
            self._requests._shut()

    def __del__(self) -> None:
        self.close()


class StreamCaller:
    """A caller of another family.

    :param connection: it belongs to the caller from now on.
    """

    def __init__(self, connection: Connection) -> None:
        self.pending = False
        self._connection = connection

    def ask(self, request: Request) -> Any:
        """What the call returns; blocks."""
        pickled = dumps(request)
        self.pending = True
        try:
            self._connection.send_bytes(pickled)
            answer = self._connection.recv_bytes()
        except (OSError, EOFError) as error:
            raise Lost(*error.args) from error
        self.pending = False
        return _said(*loads(answer))

    def close(self) -> None:
        """Let the server's thread end."""
        self._connection.close()


def _said(failed: int, said: Any) -> Any:
    if failed:
        raise failure(*said)
    return said
