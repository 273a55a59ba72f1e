"""What a worker is told, and what it has of its own before its first task: environment, directory, processors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.machinery import PathFinder

from processing_core.annotations import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias
from processing_core.lowlevel import run_fork_handlers, set_title
from processing_pool._numbers import integer, positive
from processing_pool._platform import usable_cpus, use_cpus
from processing_sync import Lock

if TYPE_CHECKING:
    from processing_core.lowlevel import Claims, TaskQueue

__all__ = [
    "Affinity",
    "Environment",
    "Initializer",
    "WorkerConfig",
    "WorkerSetup",
    "find_libraries",
    "make_setup",
    "thread_share",
]

Initializer = Callable[..., object]
Environment: TypeAlias = "Mapping[str, str] | Callable[[int], Mapping[str, str]]"
Affinity: TypeAlias = "Iterable[int] | Callable[[int], Iterable[int]]"

AUTOMATIC = "auto"
"""``threads_per_worker``: each worker's share of the processors."""

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""What numerical libraries read, when they are loaded, as the number of threads that they may use."""

_THREADED_LIBRARIES = ("numpy", "scipy", "torch", "sklearn")
"""Modules that load a library with threads of its own; without one of them there is nothing to limit yet."""


class WorkerSetup(NamedTuple):
    """What each worker of a pool does before it calls the initializer.

    :param threads: how many threads numerical libraries may use in it; ``None`` leaves that to them.
    :param environment: variables to set, or a function that gives them for a worker's number.
    :param directory: where to change to.
    :param affinity: the processors to run on, or a function that gives them for a worker's number.
    :param program: what the program is called, for the worker's title.
    :param titles: whether ``setproctitle`` is installed.
    :param shares: whether ``threads`` is the worker's share of the processors.
    :param forward_logs: whether its log records are handled by the parent; ``None`` leaves that to `forward_logs`.
    :param prefix: guards the writing of lines with a prefix; ``None``: they have none.
    """

    threads: int | None
    environment: Any
    directory: str | None
    affinity: Any
    program: str
    titles: bool
    shares: bool
    forward_logs: bool | None = None
    prefix: Lock | None = None

    def shared_by(self, workers: int) -> WorkerSetup:
        """The same where there are that many workers."""
        return self._replace(threads=thread_share(usable_cpus(), workers)) if self.shares else self

    def variables(self) -> dict[str, str] | None:
        """What the worker's environment gets before it loads the main module, and so before that imports libraries."""
        threads = {} if self.threads is None else thread_variables(self.threads)
        given = {} if self.environment is None or callable(self.environment) else self.environment
        return {**threads, **given} or None

    def apply(self, worker_id: int) -> None:
        """Do it.

        :raises Exception: what a given function raises.
        :raises OSError: if there is no such directory, or the processors cannot be chosen.
        """
        if self.threads is not None:
            _limit_threads(self.threads)
        if self.environment is not None:
            os.environ.update(self.environment(worker_id) if callable(self.environment) else self.environment)
        if self.directory is not None:
            os.chdir(self.directory)
        if self.affinity is not None:
            use_cpus(self.affinity(worker_id) if callable(self.affinity) else self.affinity)
        if self.prefix is not None:
            from processing_pool._worker.output import prefix_output  # here, for few programs want that

            prefix_output(self.prefix)
        if not (self.titles and _set_whole_title(title_of(worker_id, self.program))):
            set_title(f"worker {worker_id} of {self.program}")


class WorkerConfig(NamedTuple):
    """The settings of every worker of a pool."""

    tasks: TaskQueue[Any]
    results: TaskQueue[Any]
    claims: Claims
    initializer: Initializer | None
    initargs: tuple[Any, ...]
    max_tasks: int | None
    on_exit: Initializer | None
    of_executor: bool
    """Whether it does what ``concurrent.futures`` says of its workers: `SystemExit` is a task's outcome, and what an
    initializer raised is logged."""
    setup: WorkerSetup
    idle_timeout: float | None
    """Seconds without a task after which a worker ends; ``None`` for no end."""


def make_setup(
    workers: int,
    threads_per_worker: int | Literal["auto"] | None,
    environment: Environment | None,
    directory: str | os.PathLike[str] | None,
    affinity: Affinity | None,
    forward_logs: bool | None = None,
    prefix_output: bool = False,
) -> WorkerSetup:
    """Check what a program gives, and complete it.

    :raises TypeError: if something has a wrong type.
    :raises ValueError: if a number or name cannot be meant.
    """
    # Else the number was chosen: by the user, or for this worker by its pool.
    shares = threads_per_worker == AUTOMATIC and not any(name in os.environ for name in THREAD_VARIABLES)
    if threads_per_worker == AUTOMATIC:
        threads = thread_share(usable_cpus(), workers) if shares else None
    else:
        threads = None if threads_per_worker is None else positive(threads_per_worker, "threads_per_worker")
    if environment is not None and not callable(environment):
        environment = _checked_variables(environment)
    if affinity is not None and not callable(affinity):
        affinity = sorted({integer(processor, "affinity's processor") for processor in affinity})
        if not affinity:
            raise ValueError("affinity must have a processor at least")
    place = None if directory is None else os.path.abspath(os.fspath(directory))
    lock = Lock() if prefix_output else None
    return WorkerSetup(threads, environment, place, affinity, _program(), _has_titles(), shares, forward_logs, lock)


def _checked_variables(variables: Mapping[Any, Any]) -> dict[str, str]:
    for name, value in variables.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"environment must map strings to strings, not {name!r} to {value!r}")
        if not name or "=" in name or "\0" in name + value:
            raise ValueError(f"environment cannot have {name!r}={value!r}: a name is not empty, has no '=', and no NUL")
    return dict(variables)


def _program() -> str:
    """What users call the program that runs here."""
    main = sys.modules["__main__"]
    name = getattr(main, "__file__", None) or (sys.argv[0] if sys.argv else "") or "python"
    folder, file = os.path.split(name)
    return os.path.basename(folder) if file == "__main__.py" and folder else file


def _has_titles() -> bool:
    return "setproctitle" in sys.modules or PathFinder.find_spec("setproctitle") is not None


def _set_whole_title(title: str) -> bool:
    try:
        import setproctitle  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:  # this process runs another interpreter, or has another path
        return False
    setproctitle.setproctitle(title)
    return True


def title_of(worker_id: int, program: str) -> str:
    """What ``ps`` shows instead of the worker's command line."""
    return f"processing: worker {worker_id} of {program}"


def thread_share(processors: int, workers: int) -> int:
    """How many threads each of the workers may use so that together they have one for each processor."""
    return max(1, processors // workers)


def thread_variables(threads: int) -> dict[str, str]:
    """The environment variables that limit the threads of numerical libraries which are not loaded yet."""
    return {name: str(threads) for name in THREAD_VARIABLES}


class _Libraries:
    """The numerical libraries that this process has loaded; a worker by ``fork`` has what its parent found."""

    controller: Any = None  # threadpoolctl's, which limits their threads
    modules = 0  # how many modules were loaded when it looked for them


def find_libraries() -> None:
    """Find the numerical libraries that this process has loaded, if threadpoolctl is installed: in 10 ms."""
    if _Libraries.modules != len(sys.modules) and any(name in sys.modules for name in _THREADED_LIBRARIES):
        try:
            import threadpoolctl  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError:
            return
        _Libraries.controller = threadpoolctl.ThreadpoolController()
        _Libraries.modules = len(sys.modules)


def _limit_threads(threads: int) -> None:
    os.environ.update(thread_variables(threads))
    if _Libraries.controller is None:
        find_libraries()
    if _Libraries.controller is not None:
        for library in _Libraries.controller.lib_controllers:
            if library.get_num_threads() != threads:
                library.set_num_threads(threads)
                if library.internal_api == "openblas":  # it has begun its threads anew, which spin for 0.1 s
                    run_fork_handlers()
