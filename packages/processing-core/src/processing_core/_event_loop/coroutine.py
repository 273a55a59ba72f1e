"""``async def`` functions as targets of processes and as tasks: a loop of the child runs them.

The context variables of the caller go with the function, as far as they can: a variable that is an attribute of an
importable module, and whose value can be pickled.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context

from processing_core._exit import at_exit
from processing_core._forks import forget_in_child
from processing_core._pickling import dumps, loads
from processing_core.annotations import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

__all__ = ["CoroutineTask"]


class CoroutineTask:
    """A function that runs an ``async def`` function in this thread's event loop, with the variables of its maker.

    :param function: the ``async def`` function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._variables = _variables()

    def __call__(self, *args: Any, **kwds: Any) -> Any:
        """Run it to its end; blocks."""
        context = copy_context()
        context.run(self._set_variables)
        return _runner().run(self.function(*args, **kwds), context=context)

    def __repr__(self) -> str:
        return repr(self.function)

    def _set_variables(self) -> None:
        for module, name, value in self._variables:
            variable = getattr(__import__(module, fromlist=["*"]), name)
            variable.set(loads(value))


def _variables() -> list[tuple[str, str, bytes]]:
    """The variables of the current context: each by its module and name, and its value."""
    found = []
    for variable, value in copy_context().items():
        address = _address_of(variable)
        if address is None:
            continue
        try:
            found.append((*address, bytes(dumps(value))))
        except Exception:
            continue  # a connection, say: it stays with the caller
    return found


_addresses: dict[ContextVar[Any], tuple[str, str]] = {}


def _address_of(variable: ContextVar[Any]) -> tuple[str, str] | None:
    """The module and the name of a variable; a module's own variables are found by looking for them once."""
    address = _addresses.get(variable)
    if address is None:
        for module_name, module in list(sys.modules.items()):
            for name, value in list(getattr(module, "__dict__", {}).items()):
                if value is variable:
                    _addresses[variable] = module_name, name
                    return module_name, name
    return address


class _Thread(threading.local):
    runner: asyncio.Runner | None = None


_thread = _Thread()


def _forget() -> None:
    _thread.runner = None  # it is the parent's


forget_in_child(_forget)


def _runner() -> asyncio.Runner:
    """This thread's, which is kept for the next task."""
    import asyncio

    if _thread.runner is None:
        _thread.runner = asyncio.Runner()
        at_exit(_thread.runner.close)
    return _thread.runner
