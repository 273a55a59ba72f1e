"""Classes that programs derive from the project's, with an `__init__` of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from processing import connection, context, managers, pool, queues, shared_memory, sharedctypes, synchronize
from processing_core import Process
from processing_queues import LifoQueue, PriorityQueue
from processing_sync import Barrier


class Tagged:
    """What each class here adds: a parameter and an attribute."""

    tag: str


class TaggedBarrier(Barrier, Tagged):
    """A barrier."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


class TaggedProcess(Process, Tagged):
    """A process."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


class TaggedContext(context.SpawnContext, Tagged):
    """A context."""

    def __init__(self, tag: str) -> None:
        self.tag = tag


class TaggedManager(managers.SyncManager, Tagged):
    """A manager."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


class TaggedMemory(shared_memory.SharedMemory, Tagged):
    """Named memory."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


class TaggedItems(shared_memory.ShareableList[Any], Tagged):
    """A list in named memory."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


class TaggedValue(sharedctypes.Synchronized[int], Tagged):
    """A value with its lock."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


class TaggedArray(sharedctypes.SynchronizedArray[int], Tagged):
    """An array with its lock."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


class TaggedPool(pool.Pool, Tagged):
    """A pool."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


class TaggedThreads(pool.ThreadPool, Tagged):
    """A pool of threads."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


class TaggedListener(connection.Listener, Tagged):
    """A listener."""

    def __init__(self, tag: str, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.tag = tag


KINDS: dict[str, tuple[type[Any], tuple[Any, ...], dict[str, Any]]] = {
    "Lock": (synchronize.Lock, (), {}),
    "RLock": (synchronize.RLock, (), {}),
    "Semaphore": (synchronize.Semaphore, (3,), {}),
    "reclaiming Semaphore": (synchronize.Semaphore, (3,), {"reclaim": True}),
    "BoundedSemaphore": (synchronize.BoundedSemaphore, (3,), {}),
    "Event": (synchronize.Event, (), {}),
    "Condition": (synchronize.Condition, (), {}),
    "Queue": (queues.Queue, (3,), {}),
    "JoinableQueue": (queues.JoinableQueue, (3,), {"max_bytes": 1000}),
    "SimpleQueue": (queues.SimpleQueue, (), {}),
    "LifoQueue": (queues.LifoQueue, (3,), {}),
    "PriorityQueue": (queues.PriorityQueue, (3,), {"key": abs}),
}
"""The classes of handles, and the arguments to create one."""


def _derived(base: type[Any]) -> type[Any]:
    """A class with an `__init__` whose first parameter is its own."""

    def init(self: Any, tag: str, *args: Any, **kwds: Any) -> None:
        base.__init__(self, *args, **kwds)
        self.tag = tag

    return type(f"Tagged{base.__name__}", (base,), {"__init__": init, "__module__": __name__})


DERIVED = {name: _derived(kind[0]) for name, kind in KINDS.items()}
globals().update({cls.__name__: cls for cls in DERIVED.values()})  # where pickle looks for them
DERIVED["reclaiming Semaphore"] = DERIVED["Semaphore"]


def derived(name: str, tag: str) -> Any:
    """An object of a derived class."""
    _, args, kwds = KINDS[name]
    return DERIVED[name](tag, *args, **kwds)


class Counted(queues.Queue[Any]):
    """A queue that counts its items, as many projects write it: it pickles a state of its own."""

    def __init__(self, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, ctx=context.BaseContext(), **kwds)
        self.size = sharedctypes.Value("i", 0)

    def __getstate__(self) -> dict[str, Any]:
        return {"parent_state": super().__getstate__(), "size": self.size}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state["parent_state"])
        self.size = state["size"]

    def put(self, *args: Any, **kwds: Any) -> None:
        """Put, and count."""
        super().put(*args, **kwds)
        self.size.add(1)


def _with_a_state(base: Any) -> Any:
    """A class that pickles a state beside the one of its base."""

    class WithState(base):  # type: ignore[misc]
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.tag = "a tag"

        def __getstate__(self) -> tuple[object, str]:
            return super().__getstate__(), self.tag

        def __setstate__(self, state: tuple[Any, str]) -> None:
            super().__setstate__(state[0])
            self.tag = state[1]

    WithState.__qualname__ = f"WITH_STATES[{base.__name__!r}]"
    return WithState


WITH_STATES = {
    base.__name__: _with_a_state(base)
    for base in (
        Barrier,
        LifoQueue,
        PriorityQueue,
        queues.JoinableQueue,
        queues.SimpleQueue,
        synchronize.BoundedSemaphore,
    )
} | {base.__name__: _with_a_state(base) for base in (synchronize.Condition, synchronize.Event, synchronize.RLock)}


def put_one(queue: Counted) -> None:
    """Put something."""
    queue.put("here")


def memory(tag: str) -> TaggedMemory:
    """New memory."""
    return TaggedMemory(tag, create=True, size=1)


TRAVELLING: dict[str, Callable[[str], Any]] = {
    "Barrier": lambda tag: TaggedBarrier(tag, 2, timeout=5),
    "Context": TaggedContext,
    "SharedMemory": memory,
    "ShareableList": lambda tag: TaggedItems(tag, [1, 2]),
    "Synchronized": lambda tag: TaggedValue(tag, sharedctypes.RawValue("i", 3)),
    "SynchronizedArray": lambda tag: TaggedArray(tag, sharedctypes.RawArray("i", 3)),
}
"""Functions that create an object that can be sent to a process."""

TRAVELLING.update({name: functools.partial(derived, name) for name in KINDS})

STAYING: dict[str, Callable[[str], Any]] = {
    "Process": TaggedProcess,
    "Pool": lambda tag: TaggedPool(tag, 1),
    "ThreadPool": lambda tag: TaggedThreads(tag, 1),
    "Listener": TaggedListener,
}
"""Functions that create an object that cannot be sent."""


def check(thing: Any, name: str, tag: str) -> None:
    """In a child: check that the object has its class and its attribute.

    :raises AssertionError: otherwise.
    """
    assert type(thing).__name__.startswith("Tagged"), (name, type(thing))
    assert (thing.tag, thing.later) == (tag, 1)
