"""`CreatorMethod`: 0.52's way to say what a manager makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType

from processing_core.annotations import Any
from processing_managers._manager.base_manager import BaseManager

__all__ = ["CreatorMethod"]


class CreatorMethod:
    """An attribute of a manager's class, by which its managers make objects in their server.

    :param callable: makes an object in the server; ``None`` where managers only connect.
    :param proxytype: the class of its proxies; by default `AutoProxy`.
    :param exposed: the methods that proxies may call; by default all whose names do not begin with an underscore.
    :param typeid: what the type is called; by default as the attribute.

    >>> import processing.managers
    >>> class Manager(processing.managers.BaseManager):
    ...     list = processing.managers.CreatorMethod(list, processing.managers.ListProxy)
    """

    def __init__(
        self,
        callable: Callable[..., Any] | None = None,  # noqa: A002
        proxytype: Callable[..., Any] | None = None,
        exposed: Sequence[str] | None = None,
        typeid: str | None = None,
    ) -> None:
        self._callable, self._proxytype, self._exposed = callable, proxytype, exposed
        self._typeid = typeid

    def __set_name__(self, owner: type[BaseManager], name: str) -> None:
        self._typeid = self._typeid or name
        owner.register(self._typeid, self._callable, self._proxytype, self._exposed, create_method=False)

    def __get__(self, manager: BaseManager | None, owner: type[BaseManager]) -> Any:
        return self if manager is None else MethodType(self, manager)

    def __call__(self, manager: BaseManager, /, *args: Any, **kwds: Any) -> Any:
        """Make an object in the server of ``manager``; a proxy for it."""
        return manager._proxy(str(self._typeid), *args, **kwds)
