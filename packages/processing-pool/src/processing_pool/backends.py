"""What a `Pool` may be given to run its tasks, and what that calls in its workers.

A backend is an object with three names::

    class Sockets:
        workers = 8

        def submit(self, task: bytes) -> concurrent.futures.Future[bytes]:
            ...  # have a worker call processing_pool.backends.run(task), and give what it returns

        def close(self) -> None: ...

    with processing.Pool(backend=Sockets()) as pool: ...
"""

from __future__ import annotations

from processing_pool._backends.backend import Backend as Backend
from processing_pool._backends.remote import run as run

__all__ = ["Backend", "run"]
