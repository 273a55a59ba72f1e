"""``python -m processing check``: a short test of everything that a program may need of its machine."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from functools import partial

import processing
from processing_core.annotations import Any, NamedTuple

SECONDS = 20.0
"""How long the check waits for another process before it calls it missing."""

WORKERS = 2


class Part(NamedTuple):
    """One thing to try; it raises if it does not work."""

    name: str
    attempt: Callable[[], None]


def main(arguments: list[str]) -> int:
    """Print versions and limits; try every part, and print whether it works, or why it does not and what to do.

    :return: 0 if everything works, else 1.
    """
    from argparse import ArgumentParser

    parser = ArgumentParser(prog="python -m processing check", description=__doc__ and __doc__.split(": ")[1])
    parser.parse_args(arguments)
    from processing._commands._limits import facts
    from processing._commands._versions import versions

    print(*versions(), "", sep="\n")
    for fact in facts():
        print(f"{fact.name:22} {fact.text()}", flush=True)
    print()
    failed = [part.name for part in parts() if not _tried(part)]
    if failed:
        print(f"Not everything works here: {', '.join(failed)}.")
        return 1
    print("Everything works here.")
    return 0


def parts() -> Iterator[Part]:
    """The parts of the check, in order: each part needs those before it."""
    yield Part("shared memory", _shared_memory)
    yield Part("lock", _lock)
    yield Part("queue", _queue)
    for method in processing.get_all_start_methods():
        yield Part(f"process ({method})", partial(_process, method))
    yield Part("pool", _pool)
    yield Part("manager", _manager)


def _tried(part: Part) -> bool:
    start = time.perf_counter()
    try:
        part.attempt()
    except Exception as error:  # whatever it is, the other parts are tried
        print(f"{part.name:22} FAILED: {type(error).__name__}: {error}", *advice(error), sep="\n    ")
        return False
    print(f"{part.name:22} works ({(time.perf_counter() - start) * 1000:.0f} ms)", flush=True)
    return True


def advice(error: BaseException) -> Iterator[str]:
    """What a user can do about *error*."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EMFILE, errno.ENFILE) or os.strerror(errno.EMFILE) in str(error):  # an ImportError, too
        yield "Too many descriptors are open: raise the limit (`ulimit -n`)."
    elif number in (errno.ENOMEM, errno.ENOSPC) or isinstance(error, MemoryError):
        yield "There is too little memory: raise the container's or the user's limit (`ulimit -v`)."
    elif number == errno.EAGAIN:
        yield "No further process may be started: raise the limit (`ulimit -u`, or the container's)."
    elif number in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        yield "The system forbids a call, or is too old: Linux 5.4 is needed, and a sandbox that allows"
        yield "memfd_create, pidfd_open and futex."
    elif isinstance(error, ImportError | AttributeError):
        yield "The installation is not whole: `pip install --force-reinstall processing`."
    elif isinstance(error, TimeoutError | processing.queues.Empty):
        yield f"A process did not answer within {SECONDS:g} s: the machine is overloaded, or something stops it."
    else:
        yield "Please report this, with the output of `python -m processing --version`."


def _expect(found: object, expected: object) -> None:
    if found != expected:
        raise processing.ProcessError(f"{expected!r} was expected, but there is {found!r}")


def _shared_memory() -> None:
    size = 1 << 20  # bytes
    array: Any = processing.RawArray("B", size)
    array[0], array[size - 1] = 1, 2
    _expect((array[0], array[1], array[size - 1]), (1, 0, 2))


def _lock() -> None:
    lock = processing.Lock()
    _expect(lock.acquire(timeout=SECONDS), True)
    _expect(lock.acquire(block=False), False)
    lock.release()


def _queue() -> None:
    queue: Any = processing.Queue()
    queue.put({"a": [1, 2.5, None]})
    _expect(queue.get(timeout=SECONDS), {"a": [1, 2.5, None]})


def answer(lock: Any, queue: Any, value: Any) -> None:
    """What a child does: add one to a value under a lock, and say so."""
    with lock:
        value.value += 1
    queue.put("done")


def _process(method: str) -> None:
    context = processing.get_context(method)
    lock, value = processing.Lock(), processing.RawValue("i", 1)
    queue: Any = processing.Queue()
    child = context.Process(target=answer, args=(lock, queue, value))
    child.start()
    try:
        _expect(queue.get(timeout=SECONDS), "done")
        child.join(SECONDS)
        _expect((child.exitcode, value.value), (0, 2))
    finally:
        if child.is_alive():
            child.kill()
        child.join(SECONDS)


def square(number: int) -> int:
    """What the workers do."""
    return number * number


def _pool() -> None:
    with processing.Pool(WORKERS) as pool:
        result = pool.map_async(square, range(100)).get(SECONDS)
        _expect(result, [number * number for number in range(100)])


def _manager() -> None:
    with processing.Manager() as manager:
        numbers = manager.list([1, 2])
        numbers.append(3)
        _expect(list(numbers), [1, 2, 3])
