"""The thread that runs callbacks, and collects while asynchronous results are due that no thread waits for.

It is started by the first asynchronous call and sleeps while there is nothing to do.  A program that only
calls ``apply`` and ``map`` never has it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from processing_core.annotations import Protocol
from processing_core.lowlevel import BinarySemaphore, DaemonThread, ThreadRLock, set_idle
from processing_pool._engine.collector import Collector, Target

__all__ = ["CallbackThread"]

LONGEST_ASIDE = 1.0
"""Seconds that an end waits for callbacks that run aside."""


class WithCallback(Protocol):
    """A result that has a callback."""

    def run_callback(self) -> None:
        """Run it."""


class CallbackThread(Target):
    """The thread, and the target that it waits for: something else to do than to collect.

    :param needed: says whether outcomes must be collected although no thread waits for them.
    """

    def __init__(self, collector: Collector, needed: Callable[[], bool]) -> None:
        super().__init__()
        self._collector = collector
        self._needed = needed
        self._thread: threading.Thread | None = None
        self._start_guard = ThreadRLock()  # guards _thread
        self._gate = BinarySemaphore()  # its permit is a hint
        self._callbacks: deque[WithCallback] = deque()
        self._aside: list[threading.Thread] = []  # changed by the thread alone, or the one that joins it
        self._stopped = False

    def is_ready(self) -> bool:
        """Whether it should stop collecting."""
        return self._stopped or bool(self._callbacks) or not self._needed()

    def look(self) -> None:
        """There may be something to do."""
        if self._thread is None:
            self.start()
        self._gate.release()

    def start(self) -> None:
        """Start the thread, if that was not done."""
        with self._start_guard:
            if self._thread is None and not self._stopped:
                thread = DaemonThread(self._run, name="processing pool's background")
                thread.start()
                self._thread = thread  # unless a signal handler raises: then it does so itself

    def call(self, result: WithCallback) -> None:
        """Run a result's callback, soon."""
        self._callbacks.append(result)
        self.look()
        self._collector.notify(self)

    def stop(self) -> None:
        """Let the thread end when it has run the callbacks that are due.  The caller also wakes the leader."""
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
        deadline = time.monotonic() + LONGEST_ASIDE
        for thread in self._aside:
            thread.join(max(0.0, deadline - time.monotonic()))
        return True

    def run_aside(self, function: Callable[[], object]) -> None:
        """Run what may block for ever in a thread of its own."""
        thread = DaemonThread(function, name="processing pool's callback")
        self._aside = [*filter(threading.Thread.is_alive, self._aside), thread]
        thread.start()

    def _run(self) -> None:
        with self._start_guard:
            if self._thread is None:
                self._thread = threading.current_thread()
            elif self._thread is not threading.current_thread():
                return  # this start was interrupted, and done again before this thread was noticed
        while not self._stopped:
            set_idle(True)
            self._gate.acquire()
            set_idle(False)
            while self._has_work():
                try:
                    self._collector.wait(self)
                except KeyboardInterrupt:
                    pass  # no signal handler's, in this thread: of an object that raises it at one of two tries
                self._run_callbacks()
        self._run_callbacks()

    def _has_work(self) -> bool:
        return not self._stopped and (bool(self._callbacks) or self._needed())

    def _run_callbacks(self) -> None:
        while True:
            try:
                result = self._callbacks.popleft()
            except IndexError:  # there are no more, or another thread that joins has taken the last
                return
            try:
                result.run_callback()
            except BaseException:
                # As an error of any thread: no caller is there to get it.
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
            del result
