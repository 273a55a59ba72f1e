"""Uses of objects that need descriptors, with so few left that the use fails at some point."""

from __future__ import annotations

import errno
import gc
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import processing
from processing import connection, reduction, shared_memory
from processing_core.forkserver import server

__all__ = ["MOST", "STARTING", "USES", "failures", "refused"]

MOST = 40
"""No use here needs this number of descriptors."""
_LONGEST_WAIT = 60.0  # seconds


def _echo(item: int) -> int:
    return item


def _queue(context: Any) -> None:
    queue = context.Queue()
    queue.put(1)
    assert queue.get(timeout=_LONGEST_WAIT) == 1


def _lock(context: Any) -> None:
    with context.Lock(), context.RLock(), context.Semaphore(), context.Condition():
        context.Event().set()
        context.Barrier(1).wait()


def _value(context: Any) -> None:
    context.Value("i", 1), context.Array("i", 3), context.RawValue("i"), context.RawArray("d", 2)


def _pipe(context: Any) -> None:
    ours, theirs = context.Pipe()
    with ours, theirs:
        ours.send(1)
        assert connection.wait([theirs], _LONGEST_WAIT) == [theirs]
        assert theirs.recv() == 1


def _queue_of_a_descriptor(context: Any) -> None:
    queue = context.Queue()
    queue.put(reduction.DupFd(0))
    queue.get(timeout=_LONGEST_WAIT).close()


def _queue_of_a_socket(context: Any) -> None:
    queue = context.Queue()
    with connection.Listener() as listener:
        queue.put(listener._socket)
        queue.get(timeout=_LONGEST_WAIT).close()


def _handle(context: Any) -> None:
    ours, theirs = context.Pipe()
    with ours, theirs:
        reduction.send_handle(ours, 0, None)
        os.close(reduction.recv_handle(theirs))


def _process(context: Any) -> None:
    process = context.Process(target=_echo, args=(1,), daemon=True)
    process.start()
    process.join(_LONGEST_WAIT)
    assert process.exitcode == 0, process.exception
    process.close()


def _process_with_pipe(context: Any) -> None:
    ours, theirs = context.Pipe()
    with ours, theirs:
        process = context.Process(target=theirs.send, args=(1,))
        process.start()
        assert ours.recv() == 1
        process.join(_LONGEST_WAIT)
        process.close()


def _pool(context: Any) -> None:
    with context.Pool(2) as pool:
        assert pool.map(_echo, range(10)) == list(range(10))
        pool.close()
        pool.join()


def _executor(context: Any) -> None:
    with processing.ProcessPoolExecutor(2, mp_context=context) as executor:
        assert executor.submit(_echo, 1).result(_LONGEST_WAIT) == 1


def _manager(context: Any) -> None:
    with context.Manager() as manager:
        assert list(manager.list([1])) == [1]


def _listener(context: Any) -> None:
    with connection.Listener() as listener:
        try:
            listener.accept(timeout=0)
        except processing.TimeoutError:
            pass


def _client(context: Any) -> None:
    with (
        connection.Listener() as listener,
        connection.Client(listener.address) as client,
        listener.accept(timeout=_LONGEST_WAIT) as accepted,
    ):
        client.send(1)
        assert accepted.recv() == 1


def _shared_memory(context: Any) -> None:
    with closing(shared_memory.SharedMemory(create=True, size=100)) as memory:
        try:
            shared_memory.SharedMemory(memory.name).close()
        finally:
            memory.unlink()


def _shareable_list(context: Any) -> None:
    numbers = shared_memory.ShareableList([1, 2])
    numbers.shm.close()
    numbers.shm.unlink()


def _shared_array(context: Any) -> None:
    processing.SharedArray((3,), "i")


USES: dict[str, Callable[[Any], None]] = {
    use.__name__.removeprefix("_"): use
    for use in (
        _queue,
        _lock,
        _value,
        _pipe,
        _queue_of_a_descriptor,
        _queue_of_a_socket,
        _handle,
        _process,
        _process_with_pipe,
        _pool,
        _executor,
        _manager,
        _listener,
        _client,
        _shared_memory,
        _shareable_list,
        _shared_array,
    )
}

STARTING = {"process", "process_with_pipe", "pool", "executor", "manager"}
"""The uses that start processes, and so depend on the start method."""


@contextmanager
def _left(spare: int) -> Iterator[int]:
    """Let this process open only ``spare`` further descriptors; the value is the limit that was set."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    holes = [os.open(os.devnull, os.O_RDONLY) for _ in range(highest + spare)]
    for fd in holes[:spare]:
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(holes) + 1, hard))
    try:
        yield max(holes) + 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in holes[spare:]:
            os.close(fd)


def _open_now() -> int:
    """How many descriptors are open; the search itself needs none.

    libffi's descriptor does not count: the library keeps a file open once `ctypes` is imported.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sum(_is_open(fd) and not _is_of_libffi(fd) for fd in range(min(soft, 1000)))


def _is_of_libffi(fd: int) -> bool:
    try:
        return "/libffi.so" in os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return False


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def refused(use: Callable[[Any], None], context: Any, spare: int) -> bool:
    """Use an object when only ``spare`` descriptors are left; return whether that raised the error for this case.

    Afterwards only what the process keeps in any case may be open: the arena and a forkserver, which the use may have
    created.
    """
    before_family, before_server = not _has_arena(), server._forkserver_pid is None
    before = _open_now()
    with _left(spare) as limit:
        error = _raised(use, context)
    if error is not None and use is _queue_of_a_socket:
        use(context)  # a process without any descriptor can only later tell the sender that it does not fetch a socket
    if error is not None:
        if before_server:
            server._stop()  # the use had started it, and the next use would find it running
        # A thread closes the descriptors that were not fetched.
        _await(lambda: _open_now() <= before + (before_family and _has_arena()))
    if error is None:
        return False
    assert isinstance(error, OSError) and error.errno == errno.EMFILE, repr(error)
    assert f"this process may have {limit} descriptors open at once (RLIMIT_NOFILE)" in str(error), str(error)
    return True


def _raised(use: Callable[[Any], None], context: Any) -> BaseException | None:
    try:
        use(context)
    except BaseException as error:
        error.__traceback__ = None  # it refers to the frames, and these to open objects
        gc.collect()
        return error
    return None


def _has_arena() -> bool:
    from processing_core import lowlevel

    return lowlevel.member() is not None


def _await(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, "descriptors were left open"
        time.sleep(0.01)


def failures(use: Callable[[Any], None], context: Any) -> int:
    """How often a use fails when one more descriptor is left each time, until it works.

    With all descriptors it must work after each failure.
    """
    for spare in range(MOST):
        if not refused(use, context, spare):
            return spare
        use(context)
    raise AssertionError(f"it does not work with {MOST} descriptors")
