"""Messages between processes: queues, pipes and connections."""

from __future__ import annotations

from queue import Empty as Empty
from queue import Full as Full

from processing_queues._addresses import families as families
from processing_queues._authentication import answer_challenge as answer_challenge
from processing_queues._authentication import deliver_challenge as deliver_challenge
from processing_queues._connection import Connection as Connection
from processing_queues._joinable_queue import JoinableQueue as JoinableQueue
from processing_queues._lifo_queue import LifoQueue as LifoQueue
from processing_queues._listener import Client as Client
from processing_queues._listener import Listener as Listener
from processing_queues._pipe import Pipe as Pipe
from processing_queues._priority_queue import PriorityQueue as PriorityQueue
from processing_queues._queue import Queue as Queue
from processing_queues._queue import ShutDown as ShutDown
from processing_queues._simple_queue import SimpleQueue as SimpleQueue
from processing_queues._wait import wait as wait

__all__ = [
    "Pipe",
    "Connection",
    "wait",
    "Listener",
    "Client",
    "families",
    "deliver_challenge",
    "answer_challenge",
    "deliverChallenge",
    "answerChallenge",
    "Queue",
    "JoinableQueue",
    "SimpleQueue",
    "LifoQueue",
    "PriorityQueue",
    "Empty",
    "Full",
    "ShutDown",
]

# The names of 0.52.
deliverChallenge = deliver_challenge
answerChallenge = answer_challenge

for _name in __all__:
    if isinstance(globals()[_name], type) and _name not in ("Empty", "Full", "ShutDown"):
        globals()[_name].__module__ = __name__
