"""Request channels: each thread of a client sends its calls by its own.

Within the family a channel is two rings in the arena, one for requests and one for answers::

    thread of a client                                     its thread of the server
    RingChannel.ask ─── (number, request) ──▶ requests ──▶ RequestHandler.serve_ring
                   ◀── answers ◀── (number, answer) ─────

Outside of the family it is a connection.  Either way the channel has a thread of its own in the server, which carries
out each call that it receives: no call passes from one thread to another, and a call that waits, such as the `acquire`
of a managed lock, delays no other thread.  (Measured on two processors with 8 clients at once: 10 to 19 us a call,
against 10 us with one thread for all clients, which would have to know which methods wait.  With one client: 11 us
either way.  ``multiprocessing``: 77 and 45 us.)

An answer carries the number of its request.  If the thread that asked no longer waits, because a signal handler raised,
the answer is dropped.  Each side shuts the rings when it leaves: the client's thread when it ends, the server's thread
when it ends, and the server for a client that is gone.  So no thread of the server waits for a client that was killed.
A client that waits looks at intervals whether the server has hung up.
"""

from __future__ import annotations

import itertools
import os
import queue
from collections.abc import Callable

from processing_core import ClosedError, HandleError, NotPicklableError
from processing_core.annotations import Any, Protocol
from processing_core.lowlevel import BUSY, until
from processing_core.lowlevel import Channel as Ring
from processing_managers._wire.messages import Request, failure
from processing_managers._wire.serializers import Serializer
from processing_queues import Connection, ShutDown

__all__ = ["Lost", "RequestChannel", "RingChannel", "StreamChannel"]

_SLICE = 0.3  # seconds between two tests whether the server is alive


class Lost(Exception):
    """The server has closed the connection, or its answers cannot arrive any more."""


class RequestChannel(Protocol):
    """A way for one thread to make one call at a time."""

    pending: bool
    """Whether there may be an answer to come, so that it cannot be used again."""

    def ask(self, request: Request) -> Any:
        """What the call returns; blocks.

        :raises Lost: if the server is gone.
        :raises BaseException: what the call raises, or its pickling, or unpickling its answer.
        """

    async def ask_async(self, request: Request) -> Any:
        """The same, awaited in a task of an event loop."""

    def close(self) -> None:
        """Have the server's thread end after it has carried out its call."""


class RingChannel:
    """A channel within the family.

    :param open: asks the server to answer: it is called with the two rings.
    :param ended: returns whether the server has closed the connection.
    """

    _owner: int | None = None  # so that a channel can be dropped if its making was interrupted

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
        number = self._send(request)
        while (answer := self._answer(number, _SLICE)) is None:
            pass
        self.pending = False
        return answer[0]

    async def ask_async(self, request: Request) -> Any:
        """What the call returns, awaited in a task of an event loop."""
        number = self._send(request)

        def attempt() -> Any:
            while (answer := self._answer(number, 0)) is None and not self._answers.empty():
                pass
            return BUSY if answer is None else answer

        answer = await until(attempt, self._answers._observe)
        self.pending = False  # and not before: if this is cancelled, what the call took must be given back
        return answer[0]

    def _send(self, request: Request) -> int:
        number = next(self._numbers)
        self.pending = True  # before the sending: a thread that is interrupted after it must not send another request
        try:
            self._requests._send(number, 0, request)
        except ShutDown:
            if self._requests.is_shutdown:
                raise Lost from None
            raise
        except NotPicklableError:
            self.pending = False  # it was not sent
            raise
        return number

    def _answer(self, number: int, timeout: float) -> tuple[Any] | None:
        """What the call returned; `None` if its answer has not come.  Raises what the call raised."""
        try:
            answered, failed, _, loaded, said = self._answers._receive(timeout)
        except queue.Empty:
            if self._ended():
                raise Lost from None
            return None
        except ClosedError:
            raise Lost from None
        if answered != number:
            return None
        if loaded and not failed:
            return (said,)
        self.pending = False
        try:
            raise failure(*said) if loaded else said
        finally:
            del said  # else the exception would refer to itself, by its traceback

    def close(self) -> None:
        """Have the server's thread end."""
        if self._owner == os.getpid():  # in a forked child these are the parent's
            self._requests._shut()

    def __del__(self) -> None:
        try:
            self.close()
        except HandleError:
            pass  # the process is ending, and has left its family


class StreamChannel:
    """A channel to a server of another family.

    :param connection: it belongs to the channel from now on.
    :param serializer: the server's.
    """

    def __init__(self, connection: Connection, serializer: Serializer) -> None:
        self.pending = False
        self._connection = connection
        self._serializer = serializer

    def ask(self, request: Request) -> Any:
        """What the call returns; blocks."""
        written = self._serializer.dumps(request)
        self.pending = True
        try:
            self._connection.send_bytes(written)
            answer = self._connection.recv_bytes()
        except (OSError, EOFError) as error:
            raise Lost(*error.args) from error
        self.pending = False
        return _said(*self._serializer.loads(answer))

    async def ask_async(self, request: Request) -> Any:
        """What the call returns, awaited in a task of an event loop."""
        written = self._serializer.dumps(request)
        self.pending = True
        try:
            await self._connection.send_bytes_async(written)
            answer = await self._connection.recv_bytes_async()
        except (OSError, EOFError) as error:
            raise Lost(*error.args) from error
        self.pending = False
        return _said(*self._serializer.loads(answer))

    def close(self) -> None:
        """Have the server's thread end."""
        self._connection.close()


def _said(failed: int, said: Any) -> Any:
    if failed:
        raise failure(*said)
    return said
