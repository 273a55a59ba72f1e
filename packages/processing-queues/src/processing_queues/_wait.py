"""``wait``: for any of several connections, sentinels and sockets."""

import select
from collections.abc import Iterable
from typing import Any, TypeVar

from processing_core.lowlevel import checked_timeout, polled

__all__ = ["wait"]


# Unbounded, for the checkers make a list of `object` of a connection beside a sentinel.
T = TypeVar("T")


def wait(object_list: Iterable[T], timeout: float | None = None) -> list[T]:
    """Wait until some of the objects have something to read, or have ended.

    Blocks; signal handlers run, and Ctrl-C interrupts it.  Process- and thread-safe.

    :param object_list: connections, sockets, sentinels of processes, descriptors; anything with ``fileno``.
    :param timeout: seconds; ``None`` waits for ever.
    :return: those that are ready, in the order given; empty if the time was up.
    :raises ValueError: if something has no descriptor.
    :raises OSError: if a connection is closed.
    :raises TypeError: if ``timeout`` is not a number.

    >>> import processing
    >>> receiver, sender = processing.Pipe(duplex=False)
    >>> processing.wait([receiver], timeout=0.01)
    []
    >>> sender.send("here")
    >>> processing.wait([receiver]) == [receiver]
    True
    """
    poller = select.poll()
    waited = [(_descriptor(thing), thing) for thing in object_list]
    for fd, _ in waited:
        poller.register(fd, select.POLLIN)
    ready = {fd for fd, _ in polled(poller, checked_timeout(timeout))}
    return [thing for fd, thing in waited if fd in ready]


def _descriptor(thing: Any) -> int:
    try:
        fd = thing if isinstance(thing, int) else int(thing.fileno())
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error, OSError):
            raise  # a connection that was closed
        raise ValueError(f"Invalid file object: {thing!r}") from None
    if fd < 0:
        raise ValueError(f"Invalid file descriptor: {fd}")
    return fd
