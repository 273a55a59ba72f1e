"""The channel to a backend: what of a pool is ours on every engine, below its jobs.

A message is in one of three places: in the backlog; then submitted; then its outcome is among those to be received. It
is in ``_messages`` until then, by the id of its job and the index of its first item, and whatever is decided about it
first takes it out: an outcome that comes later is ignored. So each item has one outcome, though an engine may run a
task twice.

One thread, the supervisor, submits, examines what the engine's futures bring, and looks at the clock. A future's
callback only appends to a deque and wakes it. While the supervisor submits, it holds `_submission`, so that another
thread finds a message either in the backlog or with its future; no other lock is held while the backend is called.
"""

from __future__ import annotations

import _pickle as pickle
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from processing_core.annotations import Any
from processing_core.lowlevel import DaemonThread, ThreadRLock
from processing_pool._backends import remote
from processing_pool._backends.backend import Driver
from processing_pool._backends.backlog import Backlog
from processing_pool._backends.encoding import Bundle, Encoder, Message, PackedFunction, Setup, outcome_of, rows_of
from processing_pool._engine.task_channel import Call, ChannelOwner, Resendable
from processing_pool._errors import PoolBroken
from processing_pool._messages import CALLS, CANCELLED, CONTROL, INITIALIZER_FAILED, RESIZED, Death, Row, Unread
from processing_pool._worker.state import worker_id

__all__ = ["BackendChannel"]

AHEAD = 4
"""Tasks that are submitted for each worker, so that none waits for this process."""
LARGEST_SHARE = 64 << 10
"""Bytes that an item of a batch may have on the average; larger ones are sent by themselves."""
HELP_AFTER = 0.1
"""Seconds without an outcome after which a pool that was made inside a task runs one of its own tasks."""
MOST_SUBMISSIONS = 10
"""How often a task is submitted again that the engine has given up."""
INLINE = 8 << 10
"""Bytes of a part up to which it comes with each bundle."""
LOOK = 1.0
"""Seconds between two looks at the number of workers."""


class BackendChannel:
    """A `TaskChannel` over a backend. Methods without a docstring are described there.

    :param size: how many tasks run at the same time at the most; ``None`` for as many as there are workers.
    """

    balances = False

    def __init__(self, driver: Driver, size: int | None, setup: Setup) -> None:
        self._driver = driver
        self._limit = size
        self.target_time: float = driver.target_time
        self.grain: int = 1 if setup.processes is None else max(16, 4 * setup.processes)
        self.capacity: int = self._count()
        self._encoder = Encoder(setup, driver.ships_modules)
        self._stored: dict[str, Any] = {}  # large parts in the engine's store; used by the supervisor alone
        self._submission = ThreadRLock()  # held while messages are submitted and have no future yet
        self._guard = ThreadRLock()  # guards _messages, _backlog, _due and _in_engine
        self._messages: dict[tuple[int, int], Message] = {}
        self._backlog = Backlog()
        self._due: dict[tuple[int, int], tuple[float, Resendable]] = {}
        self._in_engine: set[Bundle] = set()  # those submitted whose futures are not done
        self._finished: deque[Bundle] = deque()  # those whose futures are done
        self._each: float | None = None  # seconds that a message takes in a worker, or took at first
        self._outcomes: deque[Row | tuple[Message, tuple[Any, ...]]] = deque()
        self._hints: queue.SimpleQueue[None] = queue.SimpleQueue()  # that there may be outcomes
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()  # that the supervisor has something to do
        self._prioritized = False
        self._ended = False
        self._helps = is_nested()
        self._thread = DaemonThread(self._supervise, name="processing pool's supervisor")

    def start(self, owner: ChannelOwner) -> None:
        self._owner = owner
        self._thread.start()

    def resize(self, size: int) -> None:
        self._limit = size
        self.capacity = self._count()
        self.wake()

    def _count(self) -> int:
        workers = self._driver.workers
        return max(1, workers if self._limit is None else self._limit if workers < 1 else min(workers, self._limit))

    def prioritize(self) -> None:
        with self._guard:
            if not self._prioritized:
                self._prioritized = True
                for message in self._backlog.all():
                    message.priority = self._owner.jobs.priority_of(*message.key)
                self._backlog.sort()

    def feed(self) -> None:
        """Do nothing: the supervisor submits the next when one is done."""

    def balance(self, job_id: int) -> None:
        """Do nothing: a batch cannot be taken from a worker."""

    # -- sending ------------------------------------------------------------------------------------

    def pack(self, function: Callable[..., Any], star: bool) -> PackedFunction:
        return self._encoder.pack(function, star)

    def submit(self, call: Call) -> None:
        self._enter(self._encoder.call(call.index, call.task))

    def send(self, job_id: int, index: int, item: Any, /) -> None:
        self._enter(self._encoder.item(job_id, index, item))

    def send_many(
        self,
        job_id: int,
        index: int,
        items: Sequence[Any],
        progress: list[int],
        failures: list[tuple[int, BaseException]] | None = None,
        /,
    ) -> None:
        for number, item in enumerate(items, index):
            try:
                self.send(job_id, number, item)
            except Exception as error:
                if failures is None:
                    raise
                failures.append((number, error))
            progress[0] = number + 1

    def send_batch(self, job_id: int, index: int, items: list[Any] | range, progress: list[int], /) -> None:
        message = self._encoder.batch(job_id, index, items)
        if len(message.payload) > LARGEST_SHARE * len(items):
            raise BufferError("the items are too large for a batch")
        self._enter(message)
        progress[0] = index + len(items)

    def _enter(self, message: Message) -> None:
        if self._prioritized:
            message.priority = self._owner.jobs.priority_of(*message.key)
        with self._guard:
            if self._ended:
                return  # the engine aborts all jobs now, or has done so and looks at each new one
            self._messages[message.key] = message
            self._backlog.add(message)
        self.wake()

    # -- sending again ------------------------------------------------------------------------------

    def send_later(self, job: Resendable, index: int, delay: float) -> None:
        with self._guard:
            self._due[job.job_id, index] = time.monotonic() + delay, job
        self.wake()

    def forget(self, job_id: int, index: int) -> None:
        with self._guard:
            self._due.pop((job_id, index), None)

    def is_waiting(self, job_id: int, index: int) -> bool:
        return (job_id, index) in self._due

    def _send_again(self) -> None:
        now = time.monotonic()
        with self._guard:
            due = {key: job for key, (at, job) in self._due.items() if at <= now}
            for key in due:
                del self._due[key]
        for (_, index), job in due.items():
            job.resend(index, 1)

    # -- cancelling ---------------------------------------------------------------------------------

    def is_running(self, job_id: int, index: int) -> bool:
        message = self._messages.get((job_id, index))
        with self._submission:
            bundle = None if message is None else message.bundle
        return message is not None and bundle is not None and self._driver.is_running(bundle.future, message.ticket)

    def take_back(self, call: Call) -> bool:
        message = self._messages.get((CALLS, call.index))
        return message is not None and bool(self._take_back([message]))

    def cancel_queued(self, job_id: int) -> None:
        self._take_back([message for key, message in list(self._messages.items()) if key[0] == job_id])

    def taken(self, job_id: int) -> list[tuple[int, int]]:
        messages = [message for key, message in list(self._messages.items()) if key[0] == job_id]
        return [(min(message.indexes()), max(message.indexes()) + 1) for message in messages]

    def _take_back(self, messages: list[Message]) -> list[Message]:
        """Take those that no worker has begun out of `_messages`; return them."""
        taken, submitted = [], []
        with self._submission, self._guard:
            for message in messages:
                if message.bundle is not None:
                    submitted.append(message)
                elif self._backlog.discard(message):
                    taken.append(message)
        taken += self._take_back_submitted(submitted)
        for message in taken:
            self._leave(message)
        self._give_up_unwanted([message.bundle for message in taken])
        return taken

    def _take_back_submitted(self, messages: list[Message]) -> list[Message]:
        if not messages:
            return []
        futures = [message.bundle.future for message in messages if message.bundle is not None]
        taken = self._driver.take_back(futures, [message.ticket for message in messages])
        return [message for message, is_taken in zip(messages, taken, strict=True) if is_taken]

    def _give_up_unwanted(self, bundles: Iterable[Bundle | None]) -> None:
        """Have the engine drop the bundles of which no outcome is wanted any more."""
        unwanted = {bundle for bundle in bundles if bundle is not None and not self._wanted(bundle)}
        self._driver.give_up([bundle.future for bundle in unwanted])

    def _wanted(self, bundle: Bundle) -> list[Message]:
        """The messages of a bundle about which nothing is decided yet."""
        return [m for m in bundle.messages if m.bundle is bundle and self._messages.get(m.key) is m]

    def cancel_running(self, job_id: int, index: int | None = None) -> None:
        chosen = [m for key, m in list(self._messages.items()) if key[0] == job_id and index in (None, key[1])]
        with self._submission:
            running = [message for message in chosen if message.bundle is not None]
        for message in running:
            self._leave(message)  # without an outcome: the caller decides it, and must not be forestalled
        self._give_up_unwanted([message.bundle for message in running])

    def _leave(self, message: Message) -> bool:
        """Take a message out of `_messages`; return whether nothing was decided about it before."""
        with self._guard:
            if self._messages.get(message.key) is not message:
                return False
            del self._messages[message.key]
            return True

    def _end(self, message: Message, outcomes: Sequence[Any]) -> None:
        if self._leave(message):
            self._outcomes.extend(outcomes)
            self._hints.put(None)

    def _end_all(self, message: Message, outcome: object) -> None:
        """The same outcome for each item of a message."""
        self._end(message, [(message.job_id, i, 0, True, outcome) for i in message.indexes()])

    # -- outcomes -----------------------------------------------------------------------------------

    def receive(self, limit: int, timeout: float | None, rows: list[Row], /) -> None:
        """Append outcomes, or return without one: the caller tests what it waits for, and calls again.

        An outcome is appended to `_outcomes` before its hint is put. So a thread that waits for a hint misses none; a
        hint whose outcome was taken before, by an earlier call, only makes one call return early.
        """
        if self._take(limit, rows):
            return
        try:
            if timeout == 0:
                self._hints.get(False)
            elif self._helps:
                self._help(timeout)
            else:
                self._hints.get(True, timeout)
        except queue.Empty:
            return
        self._take(limit, rows)

    def _take(self, limit: int, rows: list[Row]) -> bool:
        """Append outcomes to ``rows``. One is taken away after it was appended, so that an interrupt loses none."""
        while self._outcomes and len(rows) < limit:
            first = self._outcomes[0]
            rows.extend(rows_of(*first) if len(first) == 2 else [first])
            self._outcomes.popleft()
        return bool(rows)

    def tell(self, job_id: int, index: int, outcome: object, /) -> None:
        self._outcomes.append((job_id, index, 0, True, outcome))
        self._hints.put(None)

    def _help(self, left: float | None) -> None:
        """Wait a moment for outcomes; if none comes, run a task here that no worker has begun.

        A pool that is made inside a task may wait for workers that all wait for such pools.
        """
        try:
            self._hints.get(True, HELP_AFTER if left is None else min(left, HELP_AFTER))
        except queue.Empty:
            message = self._next_to_help()
            if message is not None:
                pickled = self._encoder.bundle([message], [self._timeout_of(message)], set())
                self._examine_outcome([message], remote.run(pickled, self._encoder.parts_of([message]).items()))

    def _next_to_help(self) -> Message | None:
        """Take a message from the backlog or the engine, so that this thread alone decides about it."""
        with self._submission, self._guard:
            message = next(iter(self._messages.values()), None)
            if message is None:
                return None
            bundle, message.bundle = message.bundle, None
            if bundle is None:
                return message if self._backlog.discard(message) else None
        if self._driver.take_back([bundle.future], [message.ticket])[0]:
            return message
        message.bundle = bundle
        if bundle.future.done():
            self._note(bundle)  # it may have been examined meanwhile, without this message
        return None

    # -- the supervisor -----------------------------------------------------------------------------

    def wake(self) -> None:
        self._wakes.put(None)

    close = wake

    def kill(self) -> None:
        for job_id, index in list(self._messages):
            self.cancel_running(job_id, index)

    def join(self, timeout: float | None = None) -> bool:
        if self._thread is threading.current_thread():
            return False
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def release(self) -> None:
        self._stored.clear()  # outcomes stay: one of them may wake the thread that waits for it

    def _supervise(self) -> None:
        owner, looked = self._owner, time.monotonic()
        while owner.needs_workers():
            self._sleep()
            owner.close_if_retired()
            try:
                self._send_again()
                self._examine_finished()
                self._submit()
                if self._driver.dynamic and time.monotonic() - looked > LOOK:
                    looked = time.monotonic()
                    self._recount()
                    self._spread()
            except Exception as error:
                verdict = self._driver.judge(error)  # which knows the errors of a lost connection
                self._break_down(verdict if isinstance(verdict, BaseException) else error)
        self._stop()
        owner.workers_ended()

    def _sleep(self) -> None:
        with self._guard:
            pause = min((at - time.monotonic() for at, _ in self._due.values()), default=None)
        if self._driver.dynamic:
            pause = LOOK if pause is None else min(pause, LOOK)
        try:
            self._wakes.get(True, None if pause is None else max(0.0, pause))
            while True:
                self._wakes.get(False)
        except queue.Empty:
            pass

    def _stop(self) -> None:
        with self._guard:
            self._ended = True
            bundles = list(self._in_engine)
            self._messages.clear()
        try:
            self._give_up_unwanted(bundles)
            self._driver.end(self._encoder.pool)
        except Exception as error:
            self._owner.break_down(_broken(error))

    def _recount(self) -> None:
        count = self._count()
        if count != self.capacity:
            self.capacity = count
            self.tell(CONTROL, RESIZED, None)

    def _spread(self) -> None:
        """Take messages back that wait in bundles behind long ones, so that other workers get them."""
        now, each = time.monotonic(), self._each or 0.0
        late = [
            message
            for bundle in list(self._in_engine)
            if len(bundle.messages) > 1 and now - bundle.began > max(LOOK, 4 * each * len(bundle.messages))
            for message in self._wanted(bundle)
        ]
        if late:
            self._each = self.target_time  # so that none is behind another
            self._again(self._take_back_submitted(late))

    def _room(self) -> int:
        """How many messages may be submitted now."""
        limited = self._prioritized or (self._limit is not None and self._limit < self._driver.workers)
        return (self.capacity if limited else AHEAD * self.capacity) - len(self._in_engine)

    def _submit(self) -> None:
        """Submit from the backlog as much as there is room for."""
        made: list[Bundle] = []
        with self._submission:
            with self._guard:
                groups = self._backlog.take(self._room(), self._messages_together())
            if groups:
                prepared = [self._prepared(messages) for messages in groups]
                futures = self._driver.submit_many(prepared, [messages[0].ticket for messages in groups])
                made = [Bundle(messages, future) for messages, future in zip(groups, futures, strict=True)]
            for bundle in made:
                self._in_engine.add(bundle)
                for message in bundle.messages:
                    message.bundle = bundle
        for bundle in made:
            bundle.future.add_done_callback(partial(self._note, bundle))
        self._give_up_unwanted(made)  # they may have been cancelled meanwhile

    def _messages_together(self) -> int:
        """How many messages to submit together: many if they are short and many are waiting."""
        if self._prioritized or self._each is None:
            return 1
        share = len(self._backlog) // (2 * self.capacity)
        return max(1, min(self._driver.largest_bundle, share, int(self.target_time / max(self._each, 1e-6))))

    def _prepared(self, messages: list[Message]) -> tuple[bytes, list[Any]]:
        """The bytes of a bundle, and its parts in the engine's store. Large parts that are not there are left out."""
        large = {p: content for p, content in self._encoder.parts_of(messages).items() if len(content) > INLINE}
        if self._driver.stores and self._driver.workers:
            for part, content in large.items():
                if part not in self._stored and (stored_part := self._driver.store((part, content))) is not None:
                    self._stored[part] = stored_part
        stored = set(large) & set(self._stored)
        without = stored | set(large).difference(*(message.parts for message in messages))
        pickled = self._encoder.bundle(messages, [self._timeout_of(message) for message in messages], without)
        return pickled, [self._stored[part] for part in stored]

    def _timeout_of(self, message: Message) -> float | None:
        return self._owner.jobs.timeout_of(*message.key)

    def _note(self, bundle: Bundle, _: object = None) -> None:
        """Called by the engine, in any thread: a future is done."""
        self._finished.append(bundle)
        self._wakes.put(None)

    def _examine_finished(self) -> None:
        while self._finished:
            bundle = self._finished.popleft()
            with self._guard:
                self._in_engine.discard(bundle)
            if self._wanted(bundle):
                self._examine(bundle)

    def _examine(self, bundle: Bundle) -> None:
        try:
            outcome = bundle.future.result()
        except BaseException as error:
            self._fail(bundle, error)
        else:
            self._examine_outcome(bundle.messages, outcome, bundle)

    def _fail(self, bundle: Bundle, error: BaseException) -> None:
        """The engine did not run a bundle to its end."""
        messages = self._wanted(bundle)
        if not messages:
            return
        if self._driver.is_given_up(error) and messages[0].submissions < MOST_SUBMISSIONS:
            self._stored.clear()  # a part may be lost
            for message in messages:
                message.submissions += 1
            self._again(messages)
        elif len(bundle.messages) > 1 and self._driver.is_lost(error):
            self._each = None  # they are run again, each by itself: one of them may be the cause
            self._again(messages)
        elif messages[0].count > 1 and self._driver.is_lost(error):
            self._end_all(messages[0], Unread())
        else:
            outcome = self._driver.judge(error)
            if isinstance(outcome, BaseException):
                self._break_down(outcome)
                return
            for message in messages:
                self._end_all(message, outcome)

    def _examine_outcome(self, messages: list[Message], pickled: bytes, bundle: Bundle | None = None) -> None:
        """Examine the outcome of messages.

        :param bundle: in which they were submitted; those that have left it since are not concerned.
        """
        outcome = pickle.loads(pickled)
        concerned = [message for message in messages if message.bundle is bundle]
        match outcome:
            case (remote.DONE, seconds, outcomes):
                each = seconds / len(messages)
                self._each = each if self._each is None else max(each, (each + self._each) / 2)
                for message, one in zip(messages, outcomes, strict=True):
                    if message.bundle is bundle:
                        self._examine_one(message, one)
            case (remote.MISSING, parts):
                for message in concerned:
                    message.parts |= set(parts)
                self._again(concerned)
            case (remote.BROKEN, entry):
                self.tell(CONTROL, INITIALIZER_FAILED, outcome_of(entry))
                self._owner.await_initializer_failure()
            case (remote.MISMATCH, versions):
                self._break_down(PoolBroken(_mismatch(versions)))

    def _examine_one(self, message: Message, outcome: tuple[Any, ...]) -> None:
        if outcome[0] == remote.REVOKED:
            self._end_all(message, Death(None, None, (CANCELLED,)))
        else:
            self._end(message, [(message, outcome)])

    def _again(self, messages: Iterable[Message]) -> None:
        with self._guard:
            for message in messages:
                message.bundle = None
                if self._messages.get(message.key) is message:
                    self._backlog.add(message, first=True)
        self.wake()

    def _break_down(self, error: BaseException) -> None:
        self._owner.break_down(error if isinstance(error, PoolBroken) else _broken(error))


def is_nested() -> bool:
    """Whether this thread runs a task of a pool."""
    return remote.inside() or worker_id() is not None


def _broken(error: BaseException) -> PoolBroken:
    broken = PoolBroken(f"what runs the pool's tasks has failed: {type(error).__name__}: {error}")
    broken.__cause__ = error
    return broken


def _mismatch(theirs: Sequence[Any]) -> str:
    wire, python, ours = remote.versions()
    return (
        f"this process has Python {python} and processing-pool {ours} (protocol {wire}), and a worker has "
        f"Python {theirs[1]} and processing-pool {theirs[2]} (protocol {theirs[0]}): both must be the same"
    )
