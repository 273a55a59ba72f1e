"""The messages that were not submitted yet, in the order in which they will be."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from processing_pool._backends.encoding import Message

__all__ = ["Backlog"]


class Backlog:
    """Ordered by priority, then by age.  Not thread-safe."""

    def __init__(self) -> None:
        self._levels: dict[int, OrderedDict[Message, None]] = {}

    def add(self, message: Message, first: bool = False) -> None:
        """Add a message, behind its equals, or before them."""
        level = self._levels.setdefault(message.priority, OrderedDict())
        level[message] = None
        if first:
            level.move_to_end(message, last=False)

    def discard(self, message: Message) -> bool:
        """Take a message out; return whether it was here."""
        return self._levels.get(message.priority, OrderedDict()).pop(message, self) is None

    def take(self, n: int) -> list[Message]:
        """Take out the next messages, ``n`` at the most."""
        taken: list[Message] = []
        while n > len(taken) and self._levels:
            highest = max(self._levels)
            level = self._levels[highest]
            while level and len(taken) < n:
                taken.append(level.popitem(last=False)[0])
            if not level:
                del self._levels[highest]
        return taken

    def all(self) -> Iterator[Message]:
        """Each message."""
        for level in self._levels.values():
            yield from level

    def sort(self) -> None:
        """Put each where its priority, which has changed, belongs."""
        messages = list(self.all())
        self._levels.clear()
        for message in messages:
            self.add(message)
