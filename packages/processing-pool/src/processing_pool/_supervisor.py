"""Supervision: a thread that starts a pool's workers, sees them die, tells of it and replaces them.

It sleeps in ``poll`` on the workers' sentinels, so it costs nothing while nobody dies and reacts at once.  What a
dead worker leaves is told *through the ring of results*, behind everything that the worker itself had sent: when
word of a death is dispatched, the task is either done already, or died with its worker.  Results that it had saved and
not sent go first; items that it had not begun are sent again.  For those who live there is `_watch.py`.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
import warnings

from processing_core import BaseContext
from processing_core.annotations import TYPE_CHECKING, Any, NamedTuple
from processing_core.lowlevel import Descriptor, keep_private, without_forks
from processing_pool._attempts import Resending
from processing_pool._errors import PoolBroken, ending
from processing_pool._memory import OutOfMemory
from processing_pool._messages import CONTROL, INITIALIZER_FAILED, OUT_OF_MEMORY, Death
from processing_pool._watch import Watch
from processing_pool._worker import Recipe, work

if TYPE_CHECKING:
    from processing_pool._engine import Engine

__all__ = ["Supervisor"]

STILLBIRTHS = 3
"""So many workers may die before any was ever ready for a task."""
PATIENCE = 60.0
"""Seconds for which workers may die unready, one after another, where others had been ready: somebody may be killing
them, or the system lack memory for a while."""
MERCY = 0.5
"""Seconds between SIGTERM and SIGKILL."""
RETRY = 0.1
"""Seconds until something is tried again that memory or the system refused."""


class Legacy(NamedTuple):
    """What a dead worker leaves of its last message; what is told is struck out."""

    a: int
    saved: tuple[int, int, bytes] | None
    """(number of the first, how many, bytes): results to send."""
    died: tuple[int, Death] | None
    """The item that died with it."""
    rest: tuple[int, int] | None
    """(number of the first, how many): items that were not begun."""


class Supervisor:
    """Starts, watches, replaces and ends the workers; ``processes`` has one a place."""

    def __init__(
        self, engine: Engine, context: BaseContext, recipe: Recipe, size: int, max_memory: int | None = None
    ) -> None:
        self._engine = engine
        self._context = context
        self._recipe = recipe
        self.processes: list[Any] = [None] * size
        self._forks = context.get_start_method(allow_none=True) == "fork"
        self._stillbirths = 0
        self._last_ready: float | None = None  # when some worker was last seen to be ready
        self._legacies: list[Legacy] = []  # of the dead, not told yet
        self._out_of_memory = OutOfMemory()
        self.watch: Watch = Watch(engine, recipe.claims, self.processes, max_memory)
        with without_forks():
            read_end, write_end = os.pipe()
            self._woken, self._waker = keep_private(Descriptor(read_end)), keep_private(Descriptor(write_end))
        os.set_blocking(write_end, False)
        self._thread = threading.Thread(target=self._run, name="processing pool's supervisor", daemon=True)

    def start(self) -> None:
        """Start the workers, and the thread.

        :raises Exception: if a worker cannot be started; then none is left.
        """
        try:
            for place in range(len(self.processes)):
                self._start_worker(place)
            self._thread.start()
        except BaseException:
            self._end_workers()
            self._close_pipe()
            raise

    def wake(self) -> None:
        """Look at the state of the engine.  Async-signal- and finalizer-safe."""
        try:
            os.write(self._waker.fileno(), b"\0")
        except (BlockingIOError, OSError):
            pass  # it is awake, or gone

    def join(self, timeout: float | None = None) -> bool:
        """Wait until all workers have ended; blocks.

        :return: ``False`` if the time was up, or this is the thread that ends them.
        """
        if self._thread is threading.current_thread():
            return False
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    # -- the thread ---------------------------------------------------------------------------------

    def kill(self) -> None:
        """End the workers at once, whatever they do.  Does not block; unless the pool ends, others come."""
        with self.watch.guard:
            for process in self.processes:
                if process is not None:
                    process.kill()

    def keeps(self, a: int, b: int) -> bool:
        """Whether a task waits to be sent again; under the watch's guard, so that it is not sent meanwhile."""
        rests = [(legacy.a, *legacy.rest) for legacy in list(self._legacies) if legacy.rest is not None]
        return self.watch.keeps(a, b) or any(one == a and first <= b < first + n for one, first, n in rests)

    def later(self, job: Resending, b: int, delay: float) -> None:
        """Send a task again after so many seconds."""
        self.watch.later(job, b, delay)
        self.wake()

    def _run(self) -> None:
        try:
            while not self._engine.terminating and (any(self.processes) or self._engine.needs_workers()):
                self._sleep()
                for place, process in enumerate(self.processes):
                    if process is not None and process.exitcode is not None:
                        self._bury(place, process)
                self._tell()
                self.watch.look()
                self._fill_places()
        except BaseException:
            import traceback  # here, for its import takes 2 ms

            self._engine.break_down(PoolBroken("the pool's supervisor failed:\n" + traceback.format_exc()))
        finally:
            self._end_workers()
            self._close_pipe()
            self._engine.workers_ended()

    def _sleep(self) -> None:
        poller = select.poll()
        poller.register(self._woken.fileno(), select.POLLIN)
        empty = False
        for process in self.processes:
            if process is None:
                empty = True
            else:
                poller.register(process.sentinel, select.POLLIN)
        pause = self.watch.pause()
        if self._legacies or (empty and self._engine.needs_workers()):
            pause = RETRY if pause is None else min(RETRY, pause)
        if any(fd == self._woken.fileno() for fd, _ in poller.poll(None if pause is None else pause * 1000)):
            os.read(self._woken.fileno(), 4096)

    def _bury(self, place: int, process: Any) -> None:
        exitcode, pid = process.exitcode, process.pid
        process.join()
        claims = self._recipe.claims
        self._recipe.tasks._settle()  # now its claim is exact
        if any(claims.read(other) for other in range(len(self.processes))):
            self._stillbirths, self._last_ready = 0, time.monotonic()
        with self.watch.guard:
            claim = claims.read(place)
            why = self.watch.why.pop(place, ()) or self._hint(exitcode)
            if claim is not None and claim[0] != CONTROL:
                self._legacies.append(self._legacy(place, Death(pid, exitcode, why)))
            claims.clear(place)
            self.processes[place] = None
        if claim is None:
            self._stillborn(pid, exitcode)
        elif claim == (CONTROL, INITIALIZER_FAILED):
            self._engine.await_initializer_failure()

    def _hint(self, exitcode: int | None) -> tuple[str, ...]:
        return (OUT_OF_MEMORY,) if exitcode == -signal.SIGKILL and self._out_of_memory.struck() else ()

    def _legacy(self, place: int, death: Death) -> Legacy:
        look = self._recipe.claims.look(place)
        assert look is not None
        a, b, begun, end, _, finished, _, _ = look
        n, first, results = self._recipe.claims.saved(place)
        return Legacy(
            a,
            (b + first, n, results) if n else None,
            (b + begun - 1, death) if finished < begun else None,
            (b + begun, end - begun) if begun < end else None,
        )

    def _stillborn(self, pid: int | None, exitcode: int | None) -> None:
        self._stillbirths += 1
        patient = self._last_ready is not None and time.monotonic() - self._last_ready < PATIENCE
        if self._stillbirths >= STILLBIRTHS and not patient and not self._engine.terminating:
            self._engine.break_down(
                PoolBroken(
                    f"{self._stillbirths} workers, one after another, died before they were ready for a task: "
                    f"the last, process {pid}, {ending(exitcode)}"
                )
            )

    def _tell(self) -> None:
        try:
            while self._legacies:
                self._tell_of(self._legacies[0])
                del self._legacies[0]
        except MemoryError:
            return  # the arena is full; again in a moment.  What is told twice is taken as if once

    def _tell_of(self, legacy: Legacy) -> None:
        results = self._recipe.results
        if legacy.saved is not None:
            results._send_saved(legacy.a, *legacy.saved)
        if legacy.died is not None:
            results._send(legacy.a, *legacy.died)
        if legacy.rest is not None:
            self._legacies[0] = legacy._replace(saved=None, died=None)
            self._engine.resend(legacy.a, *legacy.rest)

    def _fill_places(self) -> None:
        for place, process in enumerate(self.processes):
            if process is None and self._engine.needs_workers():
                try:
                    self._start_worker(place)
                except (OSError, MemoryError):
                    return  # no process or no memory to be had; again in a moment

    def _start_worker(self, place: int) -> None:
        process = self._context.Process(target=work, args=(self._recipe, place), daemon=True)
        process.name = process.name.replace("Process", "PoolWorker")
        # Ctrl-C finds a worker that ignores it, or does not hear it yet.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self._start_process(process)
            with self.watch.guard:
                self.processes[place] = process
                if place in self.watch.why:
                    process.kill()  # it was doomed before it stood there
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _start_process(self, process: Any) -> None:
        if not self._forks:
            process.start()
            return
        with warnings.catch_warnings():
            # The child touches nothing that another thread of this process may hold.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            process.start()

    # -- the end ------------------------------------------------------------------------------------

    def _end_workers(self) -> None:
        processes = [process for process in self.processes if process is not None]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + MERCY
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.exitcode is None:
                process.kill()
        for place, process in enumerate(self.processes):
            if process is not None:
                process.join()
                self.processes[place] = None

    def _close_pipe(self) -> None:
        self._woken.close()
        self._waker.close()

    def release(self) -> None:
        """Let go of the arena."""
        self.__dict__.pop("_recipe", None)
        self.watch.release()
