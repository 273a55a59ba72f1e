"""Changes of libraries that bring a process pool of their own, while this package replaces ``multiprocessing``.

loky, which joblib contains, starts its workers as commands, in which nothing is replaced: its executors, and joblib's
backend of that name, are this package's instead.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from processing_core.annotations import Any

__all__ = ["ADAPTED"]


def adapt_joblib(module: ModuleType) -> Callable[[], None]:
    """Let joblib's default backend be this package's."""
    from processing.contrib.joblib import ProcessingBackend

    backends: dict[str, Any] = vars(module)["BACKENDS"]
    return _changed(backends, dict.fromkeys(("loky", "processing"), ProcessingBackend))


def adapt_loky(module: ModuleType) -> Callable[[], None]:
    """Let loky's executors be this package's."""
    from processing_pool import ProcessPoolExecutor

    return _changed(
        vars(module), {"get_reusable_executor": _reusable_executor, "ProcessPoolExecutor": ProcessPoolExecutor}
    )


ADAPTED = {"joblib.parallel": adapt_joblib, "loky": adapt_loky}
"""By the module's name: what is called with the module, and returns what undoes the changes."""


def _reusable_executor(
    max_workers: int | None = None,
    context: Any = None,
    timeout: float | None = 10,
    kill_workers: bool = False,
    reuse: bool | str = "auto",
    job_reducers: Any = None,
    result_reducers: Any = None,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    env: dict[str, str] | None = None,
) -> Any:
    """Do what loky's function does, over `processing.reusable_pool`.

    Arguments that are not passed on mean nothing here: workers stay, whatever the timeout, and objects travel as this
    package pickles them.
    """
    from processing_pool import reusable_pool

    options = {"initializer": initializer, "initargs": initargs, "environment": env}
    return reusable_pool(max_workers, **options).executor()


def _changed(names: dict[str, Any], changes: dict[str, Any]) -> Callable[[], None]:
    before = {name: names[name] for name in changes if name in names}
    names.update(changes)

    def undo() -> None:
        for name in changes:
            del names[name]
        names.update(before)

    return undo
