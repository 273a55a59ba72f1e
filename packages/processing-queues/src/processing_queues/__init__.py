"""Messages between processes: queues, pipes and connections."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import on_demand as _on_demand
from processing_queues._queue import Queue as Queue

if TYPE_CHECKING:
    from processing_queues._addresses import families as families
    from processing_queues._authentication import answer_challenge as answer_challenge
    from processing_queues._authentication import answerChallenge as answerChallenge
    from processing_queues._authentication import deliver_challenge as deliver_challenge
    from processing_queues._authentication import deliverChallenge as deliverChallenge
    from processing_queues._connection import Connection as Connection
    from processing_queues._exceptions import Empty as Empty
    from processing_queues._exceptions import Full as Full
    from processing_queues._exceptions import ShutDown as ShutDown
    from processing_queues._joinable_queue import JoinableQueue as JoinableQueue
    from processing_queues._lifo_queue import LifoQueue as LifoQueue
    from processing_queues._listener import Client as Client
    from processing_queues._listener import Listener as Listener
    from processing_queues._pipe import Pipe as Pipe
    from processing_queues._priority_queue import PriorityQueue as PriorityQueue
    from processing_queues._simple_queue import SimpleQueue as SimpleQueue
    from processing_queues._wait import wait as wait

__version__ = "1.0.0"

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

if not TYPE_CHECKING:  # for a checker would take every name then
    __getattr__ = _on_demand(
        globals(),
        {
            "families": "_addresses",
            "answer_challenge": "_authentication",
            "answerChallenge": "_authentication",
            "deliver_challenge": "_authentication",
            "deliverChallenge": "_authentication",
            "Connection": "_connection",
            "Empty": "_exceptions",
            "Full": "_exceptions",
            "JoinableQueue": "_joinable_queue",
            "LifoQueue": "_lifo_queue",
            "Client": "_listener",
            "Listener": "_listener",
            "Pipe": "_pipe",
            "PriorityQueue": "_priority_queue",
            "ShutDown": "_exceptions",
            "SimpleQueue": "_simple_queue",
            "wait": "_wait",
        },
    )  # these modules take 5 ms, and few programs need them

Queue.__module__ = __name__


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
