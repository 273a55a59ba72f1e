"""Pipes and connections between threads, over queues."""

from __future__ import annotations

import collections
import itertools
import pickle
import queue
import threading
import time
import weakref
from collections.abc import Iterable

from processing_core import ClosedError
from processing_core.annotations import Any, Self
from processing_core.lowlevel import ThreadCondition, ThreadLock

__all__ = ["Client", "Connection", "Listener", "Pipe", "families", "wait"]

families: list[None] = [None]
"""The families of addresses: there is one, which has no name."""


class _Lane:
    """One direction of a pipe: what was sent and not yet received."""

    def __init__(self) -> None:
        self.changed: ThreadCondition = ThreadCondition()
        self.messages: collections.deque[Any] = collections.deque()
        self.sender_gone: bool = False
        self.receiver_gone: bool = False

    def readable(self) -> bool:
        return bool(self.messages) or self.sender_gone

    def put(self, message: Any) -> None:
        with self.changed:
            if self.receiver_gone:
                raise BrokenPipeError("the other end is closed")
            self.messages.append(message)
        self._tell()

    def get(self) -> Any:
        with self.changed:
            self.changed.wait_for(self.readable)
            if not self.messages:
                raise EOFError
            return self.messages.popleft()

    def wait(self, timeout: float | None) -> bool:
        with self.changed:
            return self.changed.wait_for(self.readable, timeout)

    def end(self, *, sender: bool) -> None:
        with self.changed:
            if sender:
                self.sender_gone = True
            else:
                self.receiver_gone = True
        self._tell()

    def _tell(self) -> None:
        for condition in (self.changed, _any_lane):
            with condition:
                condition.notify_all()


_any_lane = ThreadCondition()  # notified when any lane changes


class _Bytes(bytes):
    """A message that was sent as bytes."""


class _Pickle(bytes):
    """The pickle of an object that was sent as such; where it is sent on, the object is."""

    obj: Any


class Connection:
    """One end of a pipe.  Thread-safe; objects arrive as they are, and are not copied.

    A thread that is started as a `Process` has the ends that it is given as a process has: for itself.  Such an end is
    at its end when every thread that has it has closed it, or has ended; a thread that closes it closes it for itself.
    """

    def __init__(self, incoming: _Lane | None, outgoing: _Lane | None) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._guard = ThreadLock()  # guards the three below
        self._closed_for: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._holders: set[threading.Thread] = set()  # that were given it and have it still
        self._given_up = False  # by the threads that were not given it, such as the one that made it

    @property
    def closed(self) -> bool:
        """Whether this thread has closed it.  Does not block."""
        return bool(self._closed_for) and threading.current_thread() in self._closed_for

    @property
    def readable(self) -> bool:
        """Whether it may receive.  Does not block."""
        return self._incoming is not None

    @property
    def writable(self) -> bool:
        """Whether it may send.  Does not block."""
        return self._outgoing is not None

    def send(self, obj: Any) -> None:
        """Send an object.  Does not block.

        :raises OSError: if it is closed, or only for receiving.
        :raises BrokenPipeError: if the other end is closed.
        """
        self._check()
        if self._outgoing is None:
            raise OSError("connection is read-only")
        self._outgoing.put(obj)

    def recv(self) -> Any:
        """Receive an object.  Blocks until there is one.

        :raises EOFError: if the other end is closed and nothing is left.
        :raises OSError: if it is closed, or only for sending.
        """
        message = self._receiving().get()
        return bytes(message) if isinstance(message, _Bytes) else message

    def send_bytes(self, buf: Any, offset: int = 0, size: int | None = None) -> None:
        """Send the bytes of a buffer as one message; as `send`.

        :param offset: bytes to leave out at the beginning.
        :param size: bytes to send; ``None`` means up to the end.
        """
        whole = isinstance(buf, _Pickle) and offset == 0 and size in (None, len(buf))
        self.send(buf.obj if whole else _Bytes(memoryview(buf).cast("B")[offset:][:size]))

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Receive a message of bytes; as `recv`.

        Of an object that was sent it is the pickle; where `send_bytes` sends that on, the object is received.

        :param maxlength: bytes; ``None`` is no bound.
        :raises OSError: if the message is longer.
        :raises Exception: if it is an object, whatever its pickling raises.
        """
        message = self._receiving().get()
        received = bytes(message) if isinstance(message, _Bytes) else _pickled(message)
        if maxlength is not None and len(received) > maxlength:
            raise OSError("bad message length")
        return received

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Whether there is something to receive, the end of the other side included.  Blocks for ``timeout``.

        :param timeout: seconds; ``None`` waits for ever.
        :raises OSError: if it is closed, or only for sending.
        """
        return self._receiving().wait(timeout)

    def close(self) -> None:
        """Close it for this thread.  Does not block; a second call does nothing."""
        thread = threading.current_thread()
        with self._guard:
            self._closed_for.add(thread)
            if thread not in self._holders:
                self._given_up = True
        self.let_go(thread)

    def give_to(self, thread: threading.Thread) -> None:
        """Let a thread that is about to be started have it for itself.  Does not block."""
        with self._guard:
            self._holders.add(thread)

    def let_go(self, thread: threading.Thread) -> None:
        """A thread does not have it any more.  Does not block."""
        with self._guard:
            self._holders.discard(thread)
            over = self._given_up and not self._holders
        if over:
            if self._incoming is not None:
                self._incoming.end(sender=False)
            if self._outgoing is not None:
                self._outgoing.end(sender=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def sendBytes(self, buffer: Any) -> None:
        """0.52's name of `send_bytes`; permanent."""
        self.send_bytes(buffer)

    def recvBytes(self) -> bytes:
        """0.52's name of `recv_bytes`; permanent."""
        return self.recv_bytes()

    def _receiving(self) -> _Lane:
        self._check()
        if self._incoming is None:
            raise OSError("connection is write-only")
        return self._incoming

    def _check(self) -> None:
        if self.closed:
            raise ClosedError("connection is closed")


def _pickled(message: Any) -> _Pickle:
    pickled = _Pickle(pickle.dumps(message))
    pickled.obj = message
    return pickled


def Pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    """Two connected ends of a pipe.  Does not block.

    :param duplex: whether both ends send and receive; otherwise the first only receives and the second only sends.

    >>> from processing.dummy import Pipe
    >>> ours, theirs = Pipe()
    >>> ours.send("hello")
    >>> theirs.recv()
    'hello'
    """
    there, back = _Lane(), _Lane()
    if duplex:
        return Connection(back, there), Connection(there, back)
    return Connection(there, None), Connection(None, there)


def wait(object_list: Iterable[Connection], timeout: float | None = None) -> list[Connection]:
    """Wait until one of the connections has something to receive; those that have.

    :param timeout: seconds; ``None`` waits for ever.
    """
    connections = list(object_list)
    deadline = None if timeout is None else time.monotonic() + timeout
    with _any_lane:
        while True:
            ready = [connection for connection in connections if connection._receiving().readable()]
            left = None if deadline is None else deadline - time.monotonic()
            if ready or (left is not None and left <= 0):
                return ready
            _any_lane.wait(left)


_listeners: dict[Any, Listener] = {}
_numbers = itertools.count(1)


class Listener:
    """Accepts connections from `Client`, in the same program.

    :param address: anything hashable; ``None`` for one of its own choice.
    :param family: for the signature of `processing.connection.Listener`; means nothing.
    :param backlog: how many connections may wait to be accepted.
    :raises OSError: if another listener is at the address.
    """

    def __init__(self, address: Any = None, family: str | None = None, backlog: int = 1) -> None:
        self._address = f"listener-{next(_numbers)}" if address is None else address
        self._waiting: queue.Queue[Connection | None] = queue.Queue(max(1, backlog))
        self._closed = False
        if _listeners.setdefault(self._address, self) is not self:
            raise OSError(f"address {self._address!r} is in use")

    @property
    def address(self) -> Any:
        """The address, for `Client`."""
        return self._address

    @property
    def last_accepted(self) -> None:
        """``None``: clients have no address."""
        return None

    def accept(self) -> Connection:
        """The next connection.  Blocks until a client connects.

        :raises OSError: if the listener is closed.
        """
        connection = None if self._closed else self._waiting.get()
        if connection is None:
            raise ClosedError("listener is closed")
        return connection

    def close(self) -> None:
        """Stop listening.  Does not block; a second call does nothing."""
        if not self._closed:
            self._closed = True
            _listeners.pop(self._address, None)
            try:
                self._waiting.put_nowait(None)  # for a thread that waits in `accept`
            except queue.Full:
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def Client(address: Any, family: str | None = None) -> Connection:
    """Connect to a `Listener`.  Blocks while too many wait to be accepted.

    :param family: for the signature of `processing.connection.Client`; means nothing.
    :raises ConnectionRefusedError: if there is no listener at the address.
    """
    listener = _listeners.get(address)
    if listener is None:
        raise ConnectionRefusedError(f"there is no listener at {address!r}")
    ours, theirs = Pipe()
    listener._waiting.put(theirs)
    return ours
