"""Names of ``multiprocessing.pool`` that the package itself does not have."""

from __future__ import annotations

from processing_core import RemoteTraceback
from processing_core.annotations import TYPE_CHECKING
from processing_pool._compatibility import mapstar as mapstar
from processing_pool._compatibility import starmapstar as starmapstar
from processing_pool._engine.engine import CLOSED, RUNNING, TERMINATED
from processing_pool._jobs.imap_iterator import IMapIterator
from processing_pool._jobs.result import AsyncResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = [
    "ApplyResult",
    "MapResult",
    "IMapUnorderedIterator",
    "ExceptionWithTraceback",
    "rebuild_exc",
    "mapstar",
    "starmapstar",
    "INIT",
    "RUN",
    "CLOSE",
    "TERMINATE",
]


class ExceptionWithTraceback:
    """An exception with the text of its traceback: it is pickled as the exception, with the text as its cause.

    :param exc: the exception; its traceback is dropped when the other is formatted.
    :param tb: the traceback.
    """

    def __init__(self, exc: BaseException, tb: TracebackType | None) -> None:
        import traceback

        self.exc: BaseException = exc
        self.tb: str = f'\n"""\n{"".join(traceback.format_exception(type(exc), exc, tb))}"""'

    def __reduce__(self) -> tuple[Callable[[BaseException, str], BaseException], tuple[BaseException, str]]:
        return rebuild_exc, (self.exc, self.tb)


def rebuild_exc(exc: BaseException, tb: str) -> BaseException:
    """Give an exception the text of a traceback as its cause."""
    exc.__cause__ = RemoteTraceback(tb)
    return exc


ApplyResult = AsyncResult
MapResult = AsyncResult
IMapUnorderedIterator = IMapIterator

# What a pool's state is called.
INIT: str = "INIT"
RUN: str = RUNNING
CLOSE: str = CLOSED
TERMINATE: str = TERMINATED
