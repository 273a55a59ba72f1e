"""The background: a thread that collects while asynchronous results are awaited by nobody, and runs callbacks.

It is started by the first asynchronous call and sleeps while there is nothing to do, so a program that only calls
``apply`` and ``map`` never has it.
"""

from __future__ import annotations

import sys
import threading
from collections import deque

from processing_core.annotations import TYPE_CHECKING, Any
from processing_pool._collector import Target

if TYPE_CHECKING:
    from processing_pool._engine import Engine
    from processing_pool._results import AsyncResult

__all__ = ["Background"]


class Background(Target):
    """The thread, and the target that it waits for: something else to do than to collect."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._thread: threading.Thread | None = None
        self._start_guard = threading.RLock()  # guards _thread
        self._gate = threading.Semaphore(0)  # its permits are hints
        self._callbacks: deque[AsyncResult[Any]] = deque()
        self._stopped = False

    def is_ready(self) -> bool:
        """Whether it should stop collecting."""
        return self._stopped or bool(self._callbacks) or not self._engine.needs_background()

    def look(self) -> None:
        """There may be something to do."""
        if self._thread is None:
            self._start()
        self._gate.release()

    def _start(self) -> None:
        with self._start_guard:
            if self._thread is None and not self._stopped:
                thread = threading.Thread(target=self._run, name="processing pool's background", daemon=True)
                thread.start()
                self._thread = thread

    def call(self, result: AsyncResult[Any]) -> None:
        """Run a result's callback, soon."""
        self._callbacks.append(result)
        self.look()
        self.wake()

    def stop(self) -> None:
        """Let the thread end when it has run the callbacks that are due.  Whoever collects must be kicked, too."""
        self._stopped = True
        self._gate.release()
        self.wake()

    def join(self) -> bool:
        """Wait until the thread has ended; blocks.

        :return: ``False`` if this is the thread.
        """
        thread = self._thread
        if thread is threading.current_thread():
            return False
        if thread is not None:
            thread.join()
        self._run_callbacks()
        return True

    def _run(self) -> None:
        while not self._stopped:
            self._gate.acquire()
            while self._has_work():
                self._engine.collector.wait(self)
                self._run_callbacks()
        self._run_callbacks()

    def _has_work(self) -> bool:
        return not self._stopped and (bool(self._callbacks) or self._engine.needs_background())

    def _run_callbacks(self) -> None:
        while self._callbacks:
            result = self._callbacks.popleft()
            try:
                result.run_callback()
            except BaseException:
                # As a thread's own: there is nobody else to tell.
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
            del result
