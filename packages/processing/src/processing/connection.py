"""Pipes, and connections between programs that are not of one family."""

from __future__ import annotations

from processing_core import AuthenticationError as AuthenticationError
from processing_core import BufferTooShort as BufferTooShort
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
    "AuthenticationError",
    "BufferTooShort",
]
