"""Programs' classes that override `put` or `get` of a queue: `put_nowait` and `get_nowait` call theirs.

So they do in ``queue`` and ``multiprocessing``.  Those of the kernel call nothing, for the sake of their speed.
"""

from __future__ import annotations

from processing_core.annotations import Any

__all__ = ["follow_overrides"]


def follow_overrides(cls: type[Any], queue: type[Any]) -> None:
    """Give a class that overrides ``queue``'s methods those that call them, unless it overrides these, too."""
    for name, method in (("put", _put_nowait), ("get", _get_nowait)):
        follower = method.__name__.removeprefix("_")
        is_overridden = getattr(cls, name) is not getattr(queue, name)
        if is_overridden and getattr(cls, follower) is getattr(queue, follower):
            setattr(cls, follower, method)


def _put_nowait(self: Any, obj: Any) -> None:
    self.put(obj, False)


def _get_nowait(self: Any) -> Any:
    return self.get(False)
