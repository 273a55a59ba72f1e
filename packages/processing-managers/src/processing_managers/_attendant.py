"""Attendants: the threads of a server, each of which serves one thread of a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from processing_core import ClosedError
from processing_core.annotations import Any
from processing_core.lowlevel import Queue as Ring
from processing_core.lowlevel import dumps, loads
from processing_managers._clients import Client, Identity, acting_as
from processing_managers._errors import RemoteError
from processing_managers._messages import FAILED, RETURNED, VIEWS, pack_failure, text_of
from processing_queues import Connection

__all__ = ["Attendant"]


class Attendant:
    """Carries out the calls of one thread of a client, in the thread that calls one of its methods.

    :param perform: carries out a call.
    :param keep: makes a proxy for an iterator that must stay here.
    :param client: whose calls.
    :param thread: which of its threads; what the client calls it.
    """

    def __init__(
        self, perform: Callable[..., Any], keep: Callable[[Iterator[Any]], Any], client: Client, thread: int
    ) -> None:
        self._perform, self._keep = perform, keep
        self._client = client
        self._identity = Identity(client, thread)

    def serve_ring(self, requests: Ring[Any], answers: Ring[Any]) -> None:
        """Answer a `RingCaller` until it is gone; blocks."""
        try:
            with acting_as(self._identity):
                while True:
                    self._serve_one(requests, answers)
        except ClosedError:
            pass
        finally:
            answers._shut()  # nobody shall wait for what does not come

    def serve_stream(self, connection: Connection) -> None:
        """Answer a `StreamCaller` until it is gone; blocks.

        :raises OSError, EOFError: when it is gone.
        """
        with acting_as(self._identity):
            while True:
                connection.send_bytes(self._answer(connection.recv_bytes()))

    # Functions of their own, lest what they name be kept until the next call.

    def _serve_one(self, requests: Ring[Any], answers: Ring[Any]) -> None:
        number, _, _, loaded, said = requests._receive()
        if not loaded:
            answers._send(number, FAILED, pack_failure(said))
            return
        try:
            result = self._perform(self._client, *said)
        except BaseException as error:
            if self._client.gone:  # perhaps with the referent, which is no news to anybody
                raise ClosedError from None
            answers._send(number, FAILED, pack_failure(error))
            return
        try:
            answers._send(number, RETURNED, result)
        except Exception as error:
            answers._send(number, *self._otherwise(result, error))

    def _answer(self, request: bytes) -> bytes:
        try:
            result = self._perform(self._client, *loads(request))
        except BaseException as error:
            return dumps((FAILED, pack_failure(error)))
        try:
            return dumps((RETURNED, result))
        except Exception as error:
            return dumps(self._otherwise(result, error))

    def _otherwise(self, result: Any, error: Exception) -> tuple[int, Any]:
        """What to answer instead of a result that cannot be pickled."""
        if type(result) in VIEWS:
            return RETURNED, list(result)
        if isinstance(result, Iterator):
            return RETURNED, self._keep(result)
        return FAILED, pack_failure(RemoteError(text_of(error)))
