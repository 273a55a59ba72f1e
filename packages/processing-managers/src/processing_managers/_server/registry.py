"""What a manager's class knows of each type that it offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from processing_core.annotations import Any, NamedTuple

__all__ = ["Entry", "Registry", "public_methods"]


class Entry(NamedTuple):
    """How the referents of a typeid are made, and what their proxies are."""

    callable: Callable[..., Any] | None
    exposed: tuple[str, ...] | None
    method_to_typeid: Mapping[str, str]
    proxytype: Callable[..., Any]

    def make(self, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        """A new referent; without a callable, the one argument itself."""
        if self.callable is not None:
            from processing_managers._server.managed_waits import aware  # here, for only servers need its 2 ms

            return aware(self.callable)(*args, **kwds)
        if kwds or len(args) != 1:
            raise ValueError("Without callable, must have one non-proxy argument")
        return args[0]

    def exposed_of(self, obj: Any) -> tuple[str, ...]:
        """The methods of ``obj`` that its proxies may call."""
        names: Iterable[str] = public_methods(obj) if self.exposed is None else self.exposed
        return tuple(dict.fromkeys([*names, *self.method_to_typeid]))


Registry = dict[str, Entry]


def public_methods(obj: Any) -> list[str]:
    """The names of the methods of ``obj`` that do not begin with an underscore."""
    return [name for name in dir(obj) if not name.startswith("_") and callable(getattr(obj, name))]
