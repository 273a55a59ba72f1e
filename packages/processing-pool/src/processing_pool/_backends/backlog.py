"""The messages that were not submitted yet, in the order in which they will be."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from processing_pool._backends.encoding import Message

__all__ = ["Backlog"]


LARGEST_IN_GROUP = 64 << 10
"""Bytes of a message that ends its group."""


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

    def take(self, n: int, together: int = 1) -> list[list[Message]]:
        """Take out the next messages.

        :param n: groups at the most.
        :param together: messages of a group at the most.
        """
        groups: list[list[Message]] = []
        while n > len(groups) and (group := self._group(together)):
            groups.append(group)
        return groups

    def _group(self, together: int) -> list[Message]:
        group: list[Message] = []
        while self._levels and len(group) < together:
            highest = max(self._levels)
            level = self._levels[highest]
            if level:
                group.append(level.popitem(last=False)[0])
                if len(group[-1].payload) > LARGEST_IN_GROUP:
                    break
            if not level:
                del self._levels[highest]
        return group

    def __len__(self) -> int:
        return sum(map(len, self._levels.values()))

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
