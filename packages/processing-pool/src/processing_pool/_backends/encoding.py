"""Tasks as a backend gets them, and its outcomes as a pool's rows."""

from __future__ import annotations

import _pickle as pickle
import itertools
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Sequence

from processing_core.annotations import Any, NamedTuple
from processing_core.lowlevel import described
from processing_pool._backends import remote, shipping
from processing_pool._errors import MaybeEncodingError, NotUnpicklableError
from processing_pool._messages import CALLS, TIMED_OUT, Death, Failure, Row, Unread, failure_of

__all__ = ["Bundle", "Encoder", "Message", "PackedFunction", "rows_of"]


class Message:
    """Items of one job that are sent together, until their outcome was received."""

    __slots__ = (
        *("bundle", "count", "function", "index", "job_id"),
        *("parts", "payload", "priority", "submissions", "ticket"),
    )

    def __init__(self, job_id: int, index: int, count: int, payload: bytes, function: PackedFunction | None) -> None:
        self.job_id = job_id
        self.index = index
        self.count = count  # 0 for an item by itself
        self.payload = payload
        self.function = function  # None: of a call
        self.priority = 0
        self.ticket = ""
        self.parts: frozenset[str] = frozenset()  # large ones that a worker lacked
        self.bundle: Bundle | None = None  # once it was submitted
        self.submissions = 0  # that the engine has given up without a reason of the task's

    @property
    def key(self) -> tuple[int, int]:
        """What its outcome is told by."""
        return self.job_id, self.index

    def indexes(self) -> range:
        """Those of its items."""
        return range(self.index, self.index + max(1, self.count))


class Bundle:
    """Messages that are submitted together."""

    __slots__ = ("began", "future", "messages")

    def __init__(self, messages: list[Message], future: Any) -> None:
        self.messages = messages
        self.future = future  # of the backend
        self.began = time.monotonic()  # when it was submitted


class PackedFunction:
    """The function of a job, pickled."""

    __slots__ = ("__weakref__", "how", "job_id", "part")

    def __init__(self, job_id: int, how: int, part: remote.Part) -> None:
        self.job_id = job_id
        self.how = how
        self.part = part


class Setup(NamedTuple):
    """What all tasks of a pool have in common.

    :param initializer: what each worker calls first, with its arguments.
    :param processes: as `Pool` of a cluster; ``None`` if the backend's workers run the items themselves.
    """

    initializer: Callable[..., object] | None = None
    initargs: tuple[Any, ...] = ()
    processes: int | None = None


class Encoder:
    """Makes tasks of messages.

    :param ships_modules: whether the workers may lack the program's modules.
    """

    def __init__(self, setup: Setup, ships_modules: bool) -> None:
        self.pool: str = uuid.uuid4().hex
        self._processes = setup.processes
        self._ships_modules = ships_modules
        self._setup: remote.Part | None = None
        self._modules: remote.Part | None = None
        self._job_ids = itertools.count(1 << 32)
        self._tickets = itertools.count(1)
        self._packed: weakref.WeakValueDictionary[int, PackedFunction] = weakref.WeakValueDictionary()
        if setup.initializer is not None:
            self._setup = shipping.part_of(shipping.dumps((setup.initializer, setup.initargs)))
        self.look()

    def look(self) -> None:
        """See which modules the program has by now."""
        if self._ships_modules:
            self._modules = shipping.own_modules()

    def pack(self, function: Callable[..., Any], star: bool) -> PackedFunction:
        """Pickle the function of a job."""
        self.look()
        part = shipping.part_of(shipping.dumps(function))
        packed = PackedFunction(next(self._job_ids), remote.STAR if star else remote.ITEM, part)
        self._packed[packed.job_id] = packed
        return packed

    def call(self, index: int, task: Any) -> Message:
        """The message of a call."""
        return Message(CALLS, index, 0, shipping.dumps(task), None)

    def item(self, job_id: int, index: int, item: Any) -> Message:
        """The message of an item by itself."""
        return Message(job_id, index, 0, shipping.dumps(item), self._packed[job_id])

    def batch(self, job_id: int, index: int, items: Sequence[Any]) -> Message:
        """The message of a batch."""
        if self._processes is None:
            payload = shipping.dumps(items)
        else:
            payload = pickle.dumps([shipping.dumps(item) for item in items], 5)
        return Message(job_id, index, len(items), payload, self._packed[job_id])

    def parts_of(self, messages: Iterable[Message]) -> dict[str, bytes]:
        """What a worker must have beside the messages."""
        functions = (message.function.part for message in messages if message.function is not None)
        return dict(part for part in (*functions, self._setup, self._modules) if part is not None)

    def bundle(self, messages: list[Message], timeouts: list[float | None], without: set[str]) -> bytes:
        """The bytes that a backend gets for messages; each gets a new ticket.

        :param without: the ids of parts that do not come with it.
        """
        tasks = []
        for message, timeout in zip(messages, timeouts, strict=True):
            message.ticket = f"{self.pool}-{next(self._tickets)}"
            function = message.function
            how, part = (remote.CALL, None) if function is None else (function.how, function.part[0])
            tasks.append((message.ticket, how, part, message.count, message.payload, timeout))
        parts = [(part, content) for part, content in self.parts_of(messages).items() if part not in without]
        setup, modules = (None if part is None else part[0] for part in (self._setup, self._modules))
        head = remote.versions(), self.pool, setup, modules, self._processes, parts
        return pickle.dumps((head, tasks), 5)


def rows_of(message: Message, outcome: tuple[Any, ...]) -> list[Row]:
    """The rows of an outcome that says what became of a message's items."""
    job_id, index, count = message.job_id, message.index, message.count
    match outcome:
        case (remote.PLAIN, values):
            return [(job_id, index, count, True, pickle.loads(values))]
        case (remote.ONE, entry):
            return [(job_id, index, 0, *_value(entry))]
        case (remote.EACH, entries):
            values = [_value(entry) for entry in entries]
            bad = [i for i, (ok, value) in enumerate(values) if not ok or type(value) is Failure]
            if any(type(value) is Death for _, value in values):
                return [(job_id, index + i, 0, *value) for i, value in enumerate(values)]
            return [(job_id, index, count, bad or True, [value for _, value in values])]
        case _:
            return [(job_id, i, 0, True, Unread()) for i in message.indexes()]


def _value(entry: Any) -> tuple[bool, Any]:
    """Whether an entry was unpickled, and the object or the error."""
    if isinstance(entry, bytes):
        try:
            return True, pickle.loads(entry)
        except Exception as error:
            return False, error
    return True, outcome_of(entry)


def outcome_of(entry: Any) -> Failure | Death:
    """What an entry says that has no result."""
    match entry:
        case (remote.RAISED, bytes(pickled), str(summary), str(text), _):
            return Failure(pickled, summary, text)
        case (remote.RAISED, _, str(summary), str(text), reason):
            return Failure(_pickled(MaybeEncodingError(reason, f"the exception {summary}")), summary, text)
        case (remote.UNPICKLABLE, reason, shown):
            return failure_of(MaybeEncodingError(reason, f"the result {shown}"))
        case (remote.NOT_LOADED, reason, what):
            return failure_of(NotUnpicklableError(reason, what))
        case (remote.TIMED_OUT, seconds, pid):
            return Death(pid, None, (TIMED_OUT, seconds))
        case (remote.DIED, pid, exitcode):
            return Death(pid, exitcode)
    return failure_of(NotUnpicklableError(described(ValueError(entry)), "an outcome"))


def _pickled(error: BaseException) -> bytes:
    return pickle.dumps(error, 5)
