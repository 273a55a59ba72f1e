"""`AsyncResultProxy`: the result of a task of a managed pool."""

from __future__ import annotations

from processing_core.annotations import Any, ClassVar
from processing_managers._proxies.proxy import BaseProxy

__all__ = ["AsyncResultProxy"]


class AsyncResultProxy(BaseProxy):
    """The result of a task of a managed pool."""

    _exposed_: ClassVar[tuple[str, ...] | None] = ("get", "ready", "successful", "wait")

    def get(self, timeout: float | None = None) -> Any:
        """The result.  Blocks until there is one.

        :param timeout: seconds; ``None`` waits for ever.
        :raises TimeoutError: if there is none in time.
        :raises BaseException: what the task raised.
        """
        return self._callmethod("get", (timeout,))

    def wait(self, timeout: float | None = None) -> None:
        """Wait until there is a result.  Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        """
        self._callmethod("wait", (timeout,))

    def ready(self) -> bool:
        """Whether there is one."""
        return bool(self._callmethod("ready"))

    def successful(self) -> bool:
        """Whether the task returned.

        :raises ValueError: if it has not ended.
        """
        return bool(self._callmethod("successful"))
