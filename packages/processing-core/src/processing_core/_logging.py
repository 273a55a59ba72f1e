"""The project's logger, which tells of the lives of processes.

There is none before a program asks for one, and `logging` is not imported before that.  Two generations of names set up
the same logger: `get_logger` and `log_to_stderr` of ``multiprocessing``, `enableLogging` and `getLogger` of 0.52.  Its
messages do not go to the handlers of the root logger.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from processing_core.annotations import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

__all__ = [
    "DEBUG",
    "INFO",
    "NOTSET",
    "SUBDEBUG",
    "SUBWARNING",
    "Setup",
    "debug",
    "enableLogging",
    "getLogger",
    "get_logger",
    "info",
    "log_to_stderr",
    "name_records",
    "repeat",
    "setup",
    "sub_debug",
    "sub_warning",
]

NOTSET = 0
SUBDEBUG = 5
DEBUG = 10
INFO = 20
SUBWARNING = 25

_NAME = "processing"
_FORMAT = "[%(levelname)s/%(processName)s] %(message)s"


# What a child does to log as its parent does: the level, whether 0.52's function was called, and how the handler is
# made: by what (``None``: there is none of ours), its arguments, the format.  No NamedTuple, whose making takes 0.5 ms.
Setup = tuple[int, bool, Callable[..., "logging.Handler"] | None, tuple[Any, ...], str | None]


class _State:
    def __init__(self) -> None:
        self.logger: logging.Logger | None = None
        self.enabled = False  # by 0.52's function
        self.handler: logging.Handler | None = None  # the one that was made here
        self.recipe: tuple[Callable[..., logging.Handler] | None, tuple[Any, ...], str | None] = (None, (), None)


_state = _State()


def get_logger() -> logging.Logger:
    """The project's logger, which is called ``processing``.

    Does not block; thread-safe.  It has no handler of its own until `log_to_stderr` or `enableLogging` gives it one.

    >>> import processing
    >>> processing.get_logger().name
    'processing'
    """
    if _state.logger is None:
        import logging

        logging.addLevelName(SUBDEBUG, "SUBDEBUG")
        logging.addLevelName(SUBWARNING, "SUBWARNING")
        logger = logging.getLogger(_NAME)
        logger.propagate = False
        logger.addFilter(_name_process)
        _state.logger = logger
    return _state.logger


def log_to_stderr(level: int | str | None = None) -> logging.Logger:
    """Let the project's logger write to ``sys.stderr``, here and in children that are started from now on.

    A handler that `enableLogging` made is replaced.

    :param level: of :mod:`logging`; ``None`` leaves it as it is.
    :return: the logger.
    :raises ValueError: if there is no such level.
    """
    logger = get_logger()
    import logging

    if _state.recipe[0] is not logging.StreamHandler:
        _handle(logging.StreamHandler, (), None)
    if level is not None:
        logger.setLevel(level)
    return logger


def enableLogging(
    level: int,
    HandlerType: Callable[..., logging.Handler] | None = None,
    handlerArgs: Iterable[Any] = (),
    format: str | None = None,  # noqa: A002
) -> None:
    """0.52's way to log, here and in children that are started from now on.

    :param level: of :mod:`logging`, or `SUBDEBUG` or `SUBWARNING`.
    :param HandlerType: makes the handler, in place of one that was made before; ``None`` for one that writes to
        ``sys.stderr``, unless there is one.
    :param handlerArgs: its arguments.
    :param format: of the messages.
    :raises ValueError: if there is no such level.

    >>> import processing
    >>> processing.enableLogging(processing.INFO)  # doctest: +SKIP
    """
    logger = get_logger()
    if HandlerType is not None or not logger.handlers:
        import logging

        _handle(HandlerType or logging.StreamHandler, tuple(handlerArgs), format)
    logger.setLevel(level)
    _state.enabled = True


def getLogger() -> logging.Logger | None:
    """The project's logger; ``None`` before `enableLogging` was called, here or in the parent."""
    return get_logger() if _state.enabled else None


def sub_debug(message: str, *args: object) -> None:
    """Log at the level `SUBDEBUG`, if there is a logger."""
    if _state.logger is not None:
        _state.logger.log(SUBDEBUG, message, *args)


def debug(message: str, *args: object) -> None:
    """Log at the level ``DEBUG``, if there is a logger."""
    if _state.logger is not None:
        _state.logger.log(DEBUG, message, *args)


def info(message: str, *args: object) -> None:
    """Log at the level ``INFO``, if there is a logger."""
    if _state.logger is not None:
        _state.logger.log(INFO, message, *args)


def sub_warning(message: str, *args: object) -> None:
    """Log at the level `SUBWARNING`, if there is a logger."""
    if _state.logger is not None:
        _state.logger.log(SUBWARNING, message, *args)


def setup() -> Setup | None:
    """What children must repeat; ``None`` if nothing was set up."""
    if _state.logger is None:
        return None
    return (_state.logger.level, _state.enabled, *_state.recipe)


def repeat(made: Setup) -> None:
    """In a child: log as the parent does."""
    level, _state.enabled, handler_type, handler_args, form = made
    if handler_type is not None:
        _handle(handler_type, handler_args, form)
    get_logger().setLevel(level)


def name_records() -> None:
    """Let every record of `logging` that this child makes bear its name.

    `logging` knows the name from a module of the standard library only.  Where it has not been imported by now, the
    records say ``MainProcess``, but for those of the project's logger.
    """
    logging = sys.modules.get("logging")
    if logging is None:
        return
    make = logging.getLogRecordFactory()
    if isinstance(make, _NamedRecords):
        return
    logging.setLogRecordFactory(_NamedRecords(make))


class _NamedRecords:
    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        _name_process(record)
        return record


def _handle(make: Callable[..., logging.Handler], args: tuple[Any, ...], form: str | None) -> None:
    """Give the logger a handler in place of the one that was made here."""
    import logging

    logger, handler = get_logger(), make(*args)
    handler.setFormatter(logging.Formatter(form or _FORMAT))
    if _state.handler is not None:
        logger.removeHandler(_state.handler)
        _state.handler.close()
    logger.addHandler(handler)
    _state.handler, _state.recipe = handler, (make, args, form)


def _name_process(record: logging.LogRecord) -> bool:
    from processing_core import _current  # here, for its exit functions log

    record.processName = _current.current_process().name
    return True
