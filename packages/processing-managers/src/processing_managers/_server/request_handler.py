"""Request handlers: each serves one thread of a client, in a thread of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from processing_core import ClosedError
from processing_core.annotations import Any
from processing_core.lowlevel import Channel as Ring
from processing_core.lowlevel import text_of
from processing_managers._errors import RemoteError
from processing_managers._server.session import Identity, Session, acting_as
from processing_managers._wire.messages import FAILED, RETURNED, VIEWS, pack_failure
from processing_managers._wire.serializers import PICKLE, Serializer
from processing_queues import Connection

__all__ = ["RequestHandler"]


class RequestHandler:
    """Carries out the calls of one thread of a client, in the thread that calls one of its methods.

    :param perform: carries out a call.
    :param keep: makes a proxy for an iterator that stays in the server.
    :param session: the client's.
    :param thread: the number that the client has for its thread.
    :param serializer: encodes the messages of streams.
    """

    def __init__(
        self,
        perform: Callable[..., Any],
        keep: Callable[[Iterator[Any]], Any],
        session: Session,
        thread: int,
        serializer: Serializer = PICKLE,
    ) -> None:
        self._serializer = serializer
        self._perform, self._keep = perform, keep
        self._session = session
        self._identity = Identity(session, thread)

    def serve_ring(self, requests: Ring[Any], answers: Ring[Any]) -> None:
        """Answer a `RingChannel` until it is gone; blocks."""
        try:
            with acting_as(self._identity):
                while True:
                    self._serve_one(requests, answers)
        except ClosedError:
            pass
        finally:
            answers._shut()  # so that no client waits for an answer that does not come

    def serve_stream(self, connection: Connection) -> None:
        """Answer a `StreamChannel` until it is gone; blocks.

        :raises OSError, EOFError: when it is gone.
        """
        with acting_as(self._identity):
            while True:
                connection.send_bytes(self._answer(connection.recv_bytes()))

    # Functions of their own: their local variables must not stay alive until the next call.

    def _serve_one(self, requests: Ring[Any], answers: Ring[Any]) -> None:
        number, _, _, loaded, said = requests._receive()
        if not loaded:
            answers._send(number, FAILED, pack_failure(said))
            return
        try:
            result = self._perform(self._session, *said)
        except BaseException as error:
            if self._session.gone:  # perhaps the referent is gone, too; no client waits for the error
                raise ClosedError from None
            answers._send(number, FAILED, pack_failure(error))
            return
        try:
            answers._send(number, RETURNED, result)
        except BaseException as error:  # whatever its pickling raises
            answers._send(number, *self._otherwise(result, error))

    def _answer(self, request: bytes) -> bytes:
        write, _, pack = self._serializer[1:]
        try:
            result = self._perform(self._session, *self._serializer.loads(request))
        except BaseException as error:
            if self._session.gone:  # as above: a client that still waits learns that the server stops
                raise EOFError from None
            return write((FAILED, pack(error)))
        try:
            return write((RETURNED, result))
        except BaseException as error:  # likewise
            instead = self._otherwise(result, error)
        try:
            return write(instead)
        except Exception as error:  # such as the items of a view, or a proxy in XML
            return write((FAILED, pack(RemoteError(text_of(error)))))

    def _otherwise(self, result: Any, error: BaseException) -> tuple[int, Any]:
        """The answer instead of a result that cannot be pickled."""
        if type(result) in VIEWS:
            return RETURNED, list(result)
        if isinstance(result, Iterator):
            return RETURNED, self._keep(result)
        return FAILED, pack_failure(RemoteError(text_of(error)))
