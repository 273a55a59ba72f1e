"""Messages between processes: queues, pipes and connections."""

from queue import Empty as Empty
from queue import Full as Full

from processing_queues._connection import Connection as Connection
from processing_queues._pipe import Pipe as Pipe
from processing_queues._queue import Queue as Queue
from processing_queues._wait import wait as wait

__all__ = ["Pipe", "Connection", "wait", "Queue", "Empty", "Full"]

Connection.__module__ = Queue.__module__ = __name__
