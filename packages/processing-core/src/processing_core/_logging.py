"""The project's logger, which logs the starts and ends of processes.

There is none before a program asks for one, and `logging` is not imported before that.  Two generations of names set up
the same logger: `get_logger` and `log_to_stderr` of ``multiprocessing``, `enableLogging` and `getLogger` of 0.52.  Its
messages do not go to the handlers of the root logger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from processing_core import _forks
from processing_core._loaded import loaded
from processing_core._threads import ThreadRLock
from processing_core.annotations import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

__all__ = [
    "DEBUG",
    "FORMAT",
    "INFO",
    "NAME",
    "NOTSET",
    "SUBDEBUG",
    "SUBWARNING",
    "WARNING",
    "Setup",
    "debug",
    "enableLogging",
    "forward_logs",
    "forwards",
    "getLogger",
    "get_logger",
    "info",
    "log_to_stderr",
    "logs_to_stderr",
    "present_logger",
    "name_records",
    "repeat",
    "set_process_name",
    "setup",
    "sub_debug",
    "sub_warning",
    "warn",
]

NOTSET = 0
SUBDEBUG = 5
DEBUG = 10
INFO = 20
SUBWARNING = 25
WARNING = 30

NAME = "processing"
FORMAT = "[%(levelname)s/%(processName)s] %(message)s"


# What a child does to log as its parent does: the level (the root logger's, if ours has none), whether 0.52's function
# was called, and how the handler is made: by what (``None``: there is none of ours), its arguments, the format.  No
# NamedTuple, whose making takes 0.5 ms.
Setup = tuple[int, bool, Callable[..., "logging.Handler"] | None, tuple[Any, ...], str | None]


class _State:
    def __init__(self) -> None:
        self.logger: logging.Logger | None = None
        self.first_level = NOTSET  # of the logger, when there will be one
        self.forwards = False  # whether children that are started from now on forward their records
        self.enabled = False  # by 0.52's function
        self.handler: logging.Handler | None = None  # the one that was made here
        self.recipe: tuple[Callable[..., logging.Handler] | None, tuple[Any, ...], str | None] = (None, (), None)
        self.process_name: Callable[[], str] = str  # told by what knows it
        self.guard = ThreadRLock()  # guards that there is one handler


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
        logger = logging.getLogger(NAME)
        logger.propagate = False
        logger.addFilter(_name_process)
        if logger.level == NOTSET:
            logger.setLevel(_state.first_level)
        _state.logger = logger
    return _state.logger


def present_logger() -> logging.Logger | None:
    """The logger, if `get_logger` has made it."""
    return _state.logger


def logs_to_stderr() -> bool:
    """Whether `log_to_stderr`, or `enableLogging` in its place, has given the logger a handler."""
    return _state.handler is not None


def log_to_stderr(level: int | str | None = None) -> logging.Logger:
    """Let the project's logger write to ``sys.stderr``, here and in children that are started from now on.

    A handler that `enableLogging` made is replaced.

    :param level: of :mod:`logging`; ``None`` leaves it as it is.
    :return: the logger.
    :raises ValueError: if there is no such level.
    """
    logger = get_logger()
    import logging

    with _state.guard:
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
    with _state.guard:
        if HandlerType is not None or not logger.handlers:
            import logging

            _handle(HandlerType or logging.StreamHandler, tuple(handlerArgs), format)
    logger.setLevel(level)
    _state.enabled = True


def getLogger() -> logging.Logger | None:
    """The project's logger; ``None`` before `enableLogging` was called, here or in the parent."""
    return get_logger() if _state.enabled else None


def sub_debug(msg: object, *args: object) -> None:
    """Log at the level `SUBDEBUG`, if there is a logger."""
    if _state.logger is not None:
        _state.logger.log(SUBDEBUG, msg, *args, stacklevel=2)


def debug(msg: object, *args: object) -> None:
    """Log at the level ``DEBUG``, if there is a logger."""
    if _state.logger is not None:
        _state.logger.log(DEBUG, msg, *args, stacklevel=2)


def info(msg: object, *args: object) -> None:
    """Log at the level ``INFO``, if there is a logger."""
    if _state.logger is not None:
        _state.logger.log(INFO, msg, *args, stacklevel=2)


def sub_warning(msg: object, *args: object) -> None:
    """Log at the level `SUBWARNING`, if there is a logger."""
    if _state.logger is not None:
        _state.logger.log(SUBWARNING, msg, *args, stacklevel=2)


def warn(msg: object, *args: object) -> None:
    """Log at the level ``WARNING``, if there is a logger."""
    if _state.logger is not None:
        _state.logger.log(WARNING, msg, *args, stacklevel=2)


def forward_logs(on: bool = True) -> None:
    """Have the records of :mod:`logging` that children make handled by this process's loggers.

    It holds for the processes that are started from now on and say nothing else (``forward_logs=``), and those that
    they start.  A child's root logger has then one handler, which sends the records here; they arrive in the order in
    which the child made them, with its ``processName`` and ``process``, and go to the logger of their name, with its
    levels, filters and handlers. What cannot be pickled arrives formatted. Its warnings come, as ``py.warnings``, and
    what :mod:`faulthandler` writes if it crashes. A child waits if this process does not handle them fast enough,
    and drops records after 5 s; a warning says how many. Waiting for the child's end includes its records.

    Does not block; the first such child starts a thread.

    :param on: whether to.

    >>> import processing
    >>> processing.forward_logs()
    >>> processing.forward_logs(False)
    """
    _state.forwards = on


def forwards() -> bool:
    """Whether `forward_logs` is on."""
    return _state.forwards


def setup() -> Setup | int | None:
    """What children must repeat, or the level of the logger that they may ask for; ``None`` if nothing was set up."""
    if _state.logger is None:
        logging = loaded("logging")
        level: int = WARNING if logging is None else logging.getLogger(NAME).getEffectiveLevel()
        return (_state.first_level if level == WARNING else level) or None
    return (_state.logger.getEffectiveLevel(), _state.enabled, *_state.recipe)


def repeat(made: Setup | int) -> None:
    """In a child: log as the parent does."""
    if isinstance(made, int):
        _state.first_level = made
        return
    level, _state.enabled, handler_type, handler_args, form = made
    if handler_type is not None:
        _handle(handler_type, handler_args, form)
    get_logger().setLevel(level)


def name_records() -> None:
    """Let every record of `logging` that this child makes have the process's name.

    `logging` knows the name from a module of the standard library only.  Where it has not been imported by now, the
    records say ``MainProcess``, but for those of the project's logger.
    """
    logging = loaded("logging")
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
    handler.setFormatter(logging.Formatter(form or FORMAT))
    if _state.handler is not None:
        logger.removeHandler(_state.handler)
        _state.handler.close()
    logger.addHandler(handler)
    _state.handler, _state.recipe = handler, (make, args, form)


def _name_process(record: logging.LogRecord) -> bool:
    record.processName = _state.process_name()
    return True


def set_process_name(name: Callable[[], str]) -> None:
    """Have ``name`` called for this process's name, for log records."""
    _state.process_name = name


def _forget() -> None:
    _state.guard = ThreadRLock()  # another thread of the parent may have held it


_forks.forget_in_child(_forget)
