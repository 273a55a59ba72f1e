"""Calls that acquire or release something for which other clients wait, and how an interrupted one is undone.

A signal handler may raise (Ctrl-C, an alarm) while a thread waits for a managed lock, or after the server gave it to
this process and before the call returns. In both cases the program did not get the lock, so the server takes it back.
In the same way, a program that is interrupted at the end of a `with` block does not hold the lock any more.

So each such call has a *ticket*, a number by which the client can have it undone, or done, whether the server has
carried it out, does so at this moment, or has not read it yet.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from processing_core.annotations import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar
from processing_core.lowlevel import ExitMethod, cause_of
from processing_managers._errors import RemoteError, ServerGone

if TYPE_CHECKING:
    from processing_managers._proxies.proxy import BaseProxy

__all__ = ["Call", "done_call", "exit_call", "undone_call"]

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="BaseProxy")

_NONE: Mapping[str, Any] = {}


class Call(Generic[R]):
    """A call: the method of the referent, and its arguments."""

    __slots__ = ("args", "method")

    def __init__(self, method: str, *args: Any) -> None:
        self.method, self.args = method, args


def undone_call(describe: Callable[Concatenate[S, P], Call[R]]) -> Callable[Concatenate[S, P], R]:
    """Make a proxy's method of a function that returns the call; if the call is interrupted, it has no effect."""

    # There is one frame only: when it returns, the program has the result, and a later interrupt concerns the program
    # only.
    @functools.wraps(describe)
    def call(self: S, /, *args: P.args, **kwds: P.kwargs) -> R:
        wanted = describe(self, *args, **kwds)
        link = self._link or self._join()
        ticket = link.new_ticket()
        try:
            result: R = link.call(self._id, wanted.method, wanted.args, _NONE, ticket)
            return result
        except BaseException as error:
            if not _is_answer(error):
                link.undo(ticket)
            raise

    return call


def done_call(describe: Callable[Concatenate[S, P], Call[None]]) -> Callable[Concatenate[S, P], None]:
    """As `undone_call`; but if the call is interrupted after it has begun, it has its effect."""

    @functools.wraps(describe)
    def call(self: S, /, *args: P.args, **kwds: P.kwargs) -> None:
        wanted = describe(self, *args, **kwds)
        _do(self, wanted.method, wanted.args, [])

    return call


def exit_call(method: str) -> ExitMethod:
    """An ``__exit__`` that calls a method; even if it is interrupted, the call has its effect."""

    def call(self: BaseProxy, *_: object, begun: list[bool]) -> None:
        _do(self, method, (), begun)

    return ExitMethod(call)


def _do(self: BaseProxy, method: str, args: tuple[Any, ...], begun: list[bool]) -> None:
    link, ticket = self._link, 0
    try:
        begun.append(True)
        link = self._link or self._join()
        ticket = link.new_ticket()
        link.call(self._id, method, args, _NONE, ticket)
    except BaseException as error:
        if link is not None and not _is_answer(error):
            link.do(ticket or link.new_ticket(), self._id, method, args)
        raise


def _is_answer(error: BaseException) -> bool:
    """Whether the exception is the server's answer; else the client was interrupted, or could not send the call."""
    return isinstance(error, (RemoteError, ServerGone)) or isinstance(cause_of(error), RemoteError)
