"""Pipes, and connections between programs that are not of one family."""

from __future__ import annotations

from processing_core import AuthenticationError as AuthenticationError
from processing_core import BufferTooShort as BufferTooShort
from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import watch_exit as _watch_exit
from processing_queues import Client as Client
from processing_queues import Connection as Connection
from processing_queues import Listener as Listener
from processing_queues import Pipe as Pipe
from processing_queues import answer_challenge as answer_challenge
from processing_queues import answerChallenge as answerChallenge
from processing_queues import deliver_challenge as deliver_challenge
from processing_queues import deliverChallenge as deliverChallenge
from processing_queues import families as families
from processing_queues import wait as wait
from processing_queues.connection import CHALLENGE as _CHALLENGE
from processing_queues.connection import FAILURE as _FAILURE
from processing_queues.connection import WELCOME as _WELCOME
from processing_queues.connection import SocketListener as SocketListener
from processing_queues.connection import address_type as address_type
from processing_queues.connection import arbitrary_address as arbitrary_address
from processing_queues.connection import create_response as _create_response
from processing_queues.connection import default_family as default_family
from processing_queues.connection import verify_challenge as _verify_challenge

_watch_exit()

__all__ = [
    "Client",
    "Listener",
    "Pipe",
    "Connection",
    "wait",
    "families",
    "deliver_challenge",
    "answer_challenge",
    "deliverChallenge",
    "answerChallenge",
    "SocketListener",
    "address_type",
    "arbitrary_address",
    "default_family",
    "AuthenticationError",
    "BufferTooShort",
]

_ConnectionBase = Connection
CHALLENGE, FAILURE, WELCOME = _CHALLENGE, _FAILURE, _WELCOME  # multiprocessing's names of them until Python 3.11
_private = (_ConnectionBase, _CHALLENGE, _FAILURE, _WELCOME, _create_response, _verify_challenge)  # likewise

if not TYPE_CHECKING:  # for a checker would take every name then

    def __getattr__(name: str) -> object:
        """What few libraries take from here."""
        if name == "reduce_connection":
            return lambda connection: connection.__reduce_ex__(2)
        if name != "_ForkingPickler":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from processing_core.reduction import ForkingPickler

        return ForkingPickler
