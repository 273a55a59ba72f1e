"""Systems that have no set of descriptors which is itself a descriptor that can be waited for."""

from __future__ import annotations

import sys

from processing_core.annotations import NoReturn

__all__ = ["DescriptorSet"]


class DescriptorSet:
    """Cannot be made."""

    def __init__(self) -> None:
        raise NotImplementedError(f"waits in event loops need epoll(7), which {sys.platform} lacks; wait in a thread")

    def fileno(self) -> NoReturn:
        """There is none."""
        raise NotImplementedError

    @classmethod
    def fromfd(cls, fd: int) -> DescriptorSet:
        """There is none."""
        raise NotImplementedError

    def close(self) -> None:
        """There is none."""
