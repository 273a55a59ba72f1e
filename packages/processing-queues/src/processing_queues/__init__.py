"""Messages between processes: queues."""

from queue import Empty as Empty
from queue import Full as Full

from processing_queues._queue import Queue as Queue

__all__ = ["Queue", "Empty", "Full"]

Queue.__module__ = __name__
