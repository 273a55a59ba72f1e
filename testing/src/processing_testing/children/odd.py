"""Objects that behave badly when they are sent between processes."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, NoReturn


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """An exception whose attributes cannot be set."""


class Slotted(Exception):
    """An exception that refuses every attribute, notes included."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(name)


class Unshown(Exception):
    """An exception without a repr or a text."""

    def __repr__(self) -> str:
        raise SystemExit("repr")

    __str__ = __repr__


class Unreduced(Exception):
    """An exception whose pickling exits."""

    def __reduce__(self) -> NoReturn:
        sys.exit("reduce")


class ExitsWhenLoaded(Exception):
    """An exception whose unpickling exits."""

    def __reduce__(self) -> Any:
        return sys.exit, (3,)


class InterruptsWhenLoaded(Exception):
    """An exception whose unpickling interrupts."""

    def __reduce__(self) -> Any:
        return interrupt, ()


class Uncaused(Exception):
    """An exception whose cause cannot be read."""

    @property
    def __cause__(self) -> NoReturn:  # type: ignore[override]
        raise LookupError("cause")


class NoTruthValue(Exception):
    """An exception whose truth value cannot be computed."""

    def __bool__(self) -> NoReturn:
        raise LookupError("bool")


ERRORS: dict[str, type[BaseException]] = {
    "frozen": Frozen,
    "slotted": Slotted,
    "unshown": Unshown,
    "unreduced": Unreduced,
    "exits when loaded": ExitsWhenLoaded,
    "interrupts when loaded": InterruptsWhenLoaded,
    "uncaused": Uncaused,
    "no truth value": NoTruthValue,
}


def interrupt() -> NoReturn:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


def fail(kind: str) -> NoReturn:
    """Raise an error of a kind, by its name."""
    raise ERRORS[kind]()


def fail_at_two(item: tuple[str, int]) -> int:
    """Raise an error of the kind if the number is 2; otherwise return the number."""
    kind, number = item
    if number == 2:
        fail(kind)
    return number


class Exits:
    """An object whose unpickling exits."""

    def __reduce__(self) -> Any:
        return sys.exit, (3,)


def make_exits(_: object) -> Exits:
    """An `Exits` as a result."""
    return Exits()


class Interrupts:
    """An object whose unpickling interrupts."""

    def __reduce__(self) -> Any:
        return interrupt, ()


class InterruptsOnce:
    """An object whose unpickling Ctrl-C interrupts the first time; it becomes a number."""

    tries = 0

    def __reduce__(self) -> Any:
        return InterruptsOnce._load, ()

    @classmethod
    def _load(cls) -> int:
        cls.tries += 1
        if cls.tries == 1:
            interrupt()
        return 7


class RaisesInterruptedOnce(Exception):
    """An exception whose unpickling Ctrl-C interrupts the first time; it becomes a `ValueError`."""

    def __reduce__(self) -> Any:
        return RaisesInterruptedOnce._load, ()

    @staticmethod
    def _load() -> ValueError:
        return ValueError(InterruptsOnce._load())


def make_interrupts(_: object) -> Interrupts:
    """An `Interrupts` as a result."""
    return Interrupts()


class RaisesWhenDumped:
    """An object whose pickling raises.

    :param kind: the class of the exception.
    """

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __reduce__(self) -> Any:
        raise self.kind


class ExitsWhenDumped:
    """An object whose pickling exits."""

    def __reduce__(self) -> Any:
        sys.exit(3)


def make_exits_when_dumped(_: object) -> ExitsWhenDumped:
    """An `ExitsWhenDumped` as a result."""
    return ExitsWhenDumped()


def exit_if_two(number: int) -> int:
    """:return: the number, unless it is 2."""
    if number == 2:
        sys.exit(3)
    return number


def exit_when_dumped_if_two(number: int) -> object:
    """:return: the number, or an `ExitsWhenDumped` if it is 2."""
    return ExitsWhenDumped() if number == 2 else number


def made_or_raised(kind: type[object]) -> object:
    """Make an object of a class; raise it if it is an exception, otherwise return it."""
    made = kind()
    if isinstance(made, BaseException):
        raise made
    return made


class BadInitializer:
    """An initializer that the worker cannot unpickle.

    :param how: what happens when it is unpickled.
    """

    def __init__(self, how: str) -> None:
        self.how = how

    def __call__(self) -> None:
        """Do nothing; it is not called, because the object cannot be unpickled."""

    def __reduce__(self) -> Any:
        return _fail_to_arrive, (self.how,)


def _fail_to_arrive(how: str) -> NoReturn:
    text = "the licence server is down"
    if how == "sys.exit":
        sys.exit(text)
    raise ImportError(text) if how == "import" else LookupError(text)
