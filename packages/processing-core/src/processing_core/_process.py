"""``Process``: a thread's interface to a process.

This is the part that is the same under every start method; :mod:`processing_core._context` has a class for each method.
A ``Process`` goes from *initial* to *started* to *stopped*, and may be *closed*: ``_popen`` is ``None`` in the first
and the last, and a :class:`Child` in between.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from processing_core import _logging, _main_module, _outcome
from processing_core._aliases import ProcessAliases
from processing_core._authentication_string import AuthenticationString
from processing_core._errors import ClosedError, StateError
from processing_core._event_loop.current import is_coroutine_function
from processing_core._family import ensure_family
from processing_core._fds.descriptors import limit_named
from processing_core._platform import SIGKILL
from processing_core._process_state import collect_children, state
from processing_core.annotations import TYPE_CHECKING, Any, ClassVar, Self, TypeVarTuple, overload, signal

if TYPE_CHECKING:
    from types import TracebackType

    from processing_core._start._child import Child

__all__ = ["BaseProcess", "checked_timeout"]

Ts = TypeVarTuple("Ts")

UNGUARDED = """\
{what} while the main module was being loaded in a child process: the program does so wherever
it is imported, so each child would begin the whole program over.  Put the part that is to run only
once under a guard:

    if __name__ == "__main__":
        ...
"""


class BaseProcess(ProcessAliases):
    """A function that runs, or will run, in a process of its own.

    :param group: For ``threading``'s signature; must be ``None``.
    :param target: What :meth:`run` calls.
    :param name: Its name; by default ``Process-1``, ``Process-1:2``, …
    :param args: The arguments of ``target``.
    :param kwargs: Its keyword arguments.
    :param daemon: Whether it ends with the process that started it; by default as that one.
    :param forward_logs: Whether the records of :mod:`logging` that it makes, its warnings and the lines of a crash are
        handled here, by this process's loggers; by default as `forward_logs` says.
    :raises StateError: if ``group`` is not ``None``.

    >>> import processing
    >>> process = processing.Process(target=print, args=("hello from a child",))
    >>> process.start()  # doctest: +SKIP
    >>> process.join()  # doctest: +SKIP
    """

    _popen: Child | None
    _variables: dict[str, str] | None = None  # of its own environment, set before it loads the main module
    _warns_of_threads = True  # whether a fork does that
    _reports_start_failure = True  # whether a child prints why it could not become this process
    _forwards_logs: bool | None = None  # None: as the program says
    _logs: Any = None  # the `LogSender` of a child that forwards
    _failure: _outcome.Failure | None = None
    _exception: BaseException | None = None
    _names_when_pickled: ClassVar[dict[str, str]] = {"_target": "target", "_args": "args", "_kwargs": "kwargs"}

    # Where there are no keyword arguments, the checkers compare the positional ones with the target's.
    @overload
    def __init__(
        self,
        group: None = None,
        target: Callable[[*Ts], object] | None = None,
        name: str | None = None,
        args: tuple[*Ts] = ...,
        *,
        daemon: bool | None = None,
        forward_logs: bool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: list[Any] = ...,
        *,
        daemon: bool | None = None,
        forward_logs: bool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        *,
        kwargs: Mapping[str, Any] | None,
        daemon: bool | None = None,
        forward_logs: bool | None = None,
    ) -> None: ...
    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
        forward_logs: bool | None = None,
    ) -> None:
        if group is not None:
            raise StateError(f"group must be None, not {group!r}")
        parent = state.current
        self._identity: tuple[int, ...] = (*parent._identity, next(state.counter))
        self._config: dict[str, Any] = parent._config.copy()
        self._parent_pid: int | None = os.getpid()
        self._parent_name: str | None = parent.name
        self._popen = None
        self._closed = False
        self._target = target
        self._args = tuple(args)
        self._kwargs = dict(kwargs or {})
        self._name = name or f"{type(self).__name__}-{':'.join(map(str, self._identity))}"
        if daemon is not None:
            self.daemon = daemon
        if forward_logs is not None:
            self._forwards_logs = bool(forward_logs)

    def run(self) -> None:
        """What the process does; a subclass may override it.  Called in the child."""
        if self._target is not None:
            self._target(*self._args, **self._kwargs)

    @limit_named()
    def start(self) -> None:
        """Start the process.

        Blocks until the child has started, under ``forkserver``; thread-safe.

        :raises StateError: if it was started before, or belongs to another process.
        :raises RuntimeError: if this process is a child that is still loading the main module, or imports for children.
        :raises Exception: if it cannot be pickled, where the start method needs that.
        """
        self._check_closed()
        if self._popen is not None:
            raise StateError("cannot start a process twice")
        self._check_parent("can only start a process object created by current process")
        if _main_module.loading():
            raise RuntimeError(UNGUARDED.format(what="A process was started"))
        if self._target is not None:
            self._target = _runnable(self._target)
        collect_children()
        ensure_family()
        if self._forwards_logs or (self._forwards_logs is None and _logging.forwards()):
            from processing_core._log_forwarding import sender  # here, for it imports `logging`

            self._logs = sender()
        try:
            self._popen = self._launch()
        finally:
            if self._popen is None:
                self._end_logs(None)
            if self._popen is not None:  # so even if a signal handler raises as soon as the child is there
                state.children.add(self)
                # The target may hold this object; drop it, for the cycle would keep the child's descriptors.
                self._target, self._args, self._kwargs = None, (), {}

    def terminate(self) -> None:
        """Send it SIGTERM, which ends it unless it handles the signal.  Does not block."""
        self._send_signal(signal.SIGTERM)

    def interrupt(self) -> None:
        """Send it SIGINT, which raises :exc:`KeyboardInterrupt` in it unless it handles the signal.  Does not block.

        On Windows all processes of this console get it, the caller included.
        """
        self._send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Send it SIGKILL, which ends it.  Does not block."""
        self._send_signal(SIGKILL)

    def join(self, timeout: float | None = None) -> None:
        """Wait until the process has ended.

        Blocks; signal handlers run, and Ctrl-C interrupts it; thread-safe.

        :param timeout: seconds; ``None`` waits for ever.
        :raises StateError: if it was not started, or not by this process.
        """
        child = self._started()
        self._check_parent("can only join a child process")
        if child is None:
            raise StateError("can only join a started process")
        self._wait(child, checked_timeout(timeout))

    async def join_async(self, timeout: float | None = None) -> None:
        """Wait until the process has ended, in a task of an event loop: `join`, awaited.

        :param timeout: seconds; ``None`` waits for ever.
        :raises StateError: if it was not started, or not by this process.
        """
        from processing_core._event_loop.until import BUSY, until_ready

        timeout = checked_timeout(timeout)
        self.join(0)
        await until_ready(lambda: BUSY if self.is_alive() else None, lambda: self.sentinel, timeout)

    async def __aenter__(self) -> Self:
        """Start the process, unless it was started."""
        if self._popen is None:
            self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for its end; if an exception, such as a cancellation, leaves the block, terminate it before."""
        if kind is not None and self.is_alive():
            self.terminate()
        await self.join_async()

    def is_alive(self) -> bool:
        """Whether it runs.  Does not block; thread-safe.

        :raises StateError: if it is neither this process nor a child of it.
        """
        child = self._started()
        if self is state.current:
            return True
        self._check_parent("can only test a child process")
        return child is not None and self._wait(child, 0) is None

    def close(self) -> None:
        """Release the descriptors of a process that has ended; it cannot be used any more.

        Does not block; thread-safe.

        :raises ValueError: if it still runs.
        """
        child = self._popen
        if child is not None:
            if self._wait(child, 0) is None:
                raise ValueError(
                    "Cannot close a process while it is still running. You should first call join() or terminate()."
                )
            child.close()
        self._closed = True  # first: see `_started`
        self._popen = None

    @property
    def name(self) -> str:
        """Its name, for people; need not be unique."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str):
            raise StateError(f"name must be a string, not {name!r}")
        self._name = name

    @property
    def daemon(self) -> bool:
        """Whether it ends with the process that started it; may be set before the start."""
        return bool(self._config.get("daemon", False))

    @daemon.setter
    def daemon(self, daemonic: bool) -> None:
        if self._popen is not None:
            raise StateError("process has already started")
        self._config["daemon"] = bool(daemonic)

    @property
    def authkey(self) -> bytes:
        """The key by which processes of one program know each other; children inherit it."""
        key: AuthenticationString = self._config["authkey"]
        return key

    @authkey.setter
    def authkey(self, authkey: bytes | str) -> None:
        if not isinstance(authkey, (bytes, bytearray, str)):  # ``bytes(5)`` would be a key that is easily guessed
            raise TypeError(f"authkey must be bytes or str, not {type(authkey).__name__}")
        self._config["authkey"] = AuthenticationString(authkey.encode() if isinstance(authkey, str) else authkey)

    @property
    def exitcode(self) -> int | None:
        """Its exit code, ``-N`` if signal ``N`` ended it; ``None`` before the end."""
        child = self._started()
        return None if child is None else self._wait(child, 0)

    @property
    def exception(self) -> BaseException | None:
        """What ended it, if it raised: the exception, with its traceback there as ``__cause__``.

        ``None`` before the end, and if it ended otherwise (by returning, :func:`sys.exit`, :func:`os._exit` or a
        signal).  A :exc:`RemoteException` replaces an exception that cannot be pickled or unpickled. Does not block,
        except in the exception's own code while it is unpickled, once (twice if that raises).

        >>> import processing
        >>> process = processing.Process(target=int, args=("one",))
        >>> process.start()  # doctest: +SKIP
        >>> process.join()  # doctest: +SKIP
        >>> process.exception  # doctest: +SKIP
        ValueError("invalid literal for int() with base 10: 'one'")
        """
        child = self._started()
        if child is None or self._wait(child, 0) is None or self._failure is None:
            return None
        if self._exception is None:
            self._exception = _outcome.exception_of(self._failure)
        return self._exception

    @property
    def ident(self) -> int | None:
        """Its process id; ``None`` before the start."""
        child = self._started()
        if self is state.current:
            return os.getpid()
        return None if child is None else child.pid

    @property
    def pid(self) -> int | None:
        """Its process id; ``None`` before the start."""
        return self.ident

    @property
    def native_id(self) -> int | None:
        """The system's id of its main thread, as a thread's; ``None`` before the start.

        It is the process id; on Windows, too, where its main thread has another.
        """
        return self.ident

    @property
    def sentinel(self) -> int:
        """A descriptor that becomes readable when it ends, for ``wait``, selectors and asyncio.

        :raises ValueError: if it was not started.
        """
        child = self._started()
        if child is None:
            raise ValueError("process not started")
        return child.sentinel

    def __repr__(self) -> str:
        parts = [type(self).__name__, f"name={self._name!r}"]
        child = self._popen
        if child is not None:
            parts.append(f"pid={child.pid}")
        parts.append(f"parent={self._parent_pid}")
        status = self._status()
        parts.append(status)
        if status == "stopped" and child is not None:
            parts.append(f"exitcode={_exitcode_name(child.returncode)}")
        if self.daemon:
            parts.append("daemon")
        return f"<{' '.join(parts)}>"

    def __getstate__(self) -> dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]:
        # The key travels in the preparation, and the started child does not travel at all.
        config = {key: value for key, value in self._config.items() if key != "authkey"}
        state = {**self.__dict__, "_config": config, "_popen": None, "_failure": None, "_exception": None}
        state.pop("_variables", None)  # they travel in the preparation, too
        given = object.__getstate__(self)
        return (state, given[1]) if isinstance(given, tuple) else state  # with what a subclass has in slots

    def _started(self) -> Child | None:
        """The started process; ``None`` before the start.

        A caller reads it once, for another thread may close this object. Nor does that seem not to be started then.

        :raises ClosedError: if this object was closed.
        """
        child = self._popen
        self._check_closed()
        return child

    def _wait(self, child: Child, timeout: float | None) -> int | None:
        """Wait for the end of the started process; its exit code.

        Several threads may do so: the failure is forgotten by :mod:`_outcome` only when it stands here.
        """
        code = child.wait(timeout)
        if code is not None:
            state.children.discard(self)
            if self._logs is not None:
                self._end_logs(child.pid)
        if code and self._failure is None:
            serial = child.member_id[1]
            found = _outcome.take(serial)
            if found is not None:
                self._failure = found
                _outcome.forget(serial)
        return code

    def _end_logs(self, pid: int | None) -> None:
        logs, self._logs = self._logs, None
        if logs is not None:
            from processing_core._log_forwarding import ended

            ended(pid)

    def _launch(self) -> Child:
        raise NotImplementedError

    def _bootstrap(self, parent_sentinel: object = None) -> int:
        """In the child: run the process, and return its exit code.  Tools wrap this method, as coverage.py does.

        :param parent_sentinel: ``multiprocessing`` has it.
        """
        body, state.body = state.body, None
        if body is None:
            raise StateError("a process is run by its start method alone, once")
        return body()

    def _start_method_in_child(self) -> str | None:
        """The default start method that the child gets; ``None`` leaves it the parent's."""
        return None

    def _status(self) -> str:
        if self is state.current:
            return "started"
        child = self._popen  # before the next line looks: see `_started`
        if self._closed:
            return "closed"
        if self._parent_pid != os.getpid():
            return "unknown"
        if child is None:
            return "initial"
        return "started" if child.poll() is None else "stopped"

    def _send_signal(self, signum: int) -> None:
        child = self._started()
        if child is None:
            raise StateError("can only signal a started process")
        self._check_parent("can only signal a child process")
        child.send_signal(signum)

    def _check_parent(self, rule: str) -> None:
        if self._parent_pid != os.getpid():
            raise StateError(rule)

    def _check_closed(self) -> None:
        if self._closed:
            raise ClosedError("process object is closed")


def _runnable(target: Callable[..., object]) -> Callable[..., object]:
    """The target; for an ``async def`` function, one that runs it in an event loop."""
    if not is_coroutine_function(target):
        return target
    from processing_core._event_loop.coroutine import CoroutineTask

    return CoroutineTask(target)


def checked_timeout(timeout: float | None) -> float | None:
    """``timeout``, if it is a number of seconds or ``None``.

    :raises TypeError: if it is neither.
    :raises ValueError: if it is not a number (NaN).
    """
    if timeout is None:
        return None
    if not isinstance(timeout, (int, float)) and not hasattr(timeout, "__float__"):
        raise TypeError(f"timeout must be a number of seconds or None, not {timeout!r}")
    seconds = float(timeout)
    if seconds != seconds:
        raise ValueError(f"timeout must be a number of seconds or None, not {timeout!r}")
    return seconds


def _exitcode_name(exitcode: int | None) -> str:
    name = None if exitcode is None or exitcode >= 0 else signal_name(-exitcode)
    return str(exitcode) if name is None else f"-{name}"


def signal_name(number: int) -> str | None:
    """What a signal is called; ``None`` for most of the real-time signals, which have no names."""
    names = [name for name in dir(signal) if name.startswith("SIG") and "_" not in name]
    return next((name for name in names if getattr(signal, name) == number), None)
