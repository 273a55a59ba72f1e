"""The names of ``processing`` 0.52 that a manager has; permanent.

Each method calls the modern one on ``self``, so that what a subclass overrides is reached.
"""

from __future__ import annotations

from processing_core.annotations import Any, Protocol, Self

__all__ = ["ManagerAliases"]


class _Manager(Protocol):
    @classmethod
    def from_address(cls, address: Any, authkey: bytes | str | None = None) -> Any: ...
    def serve_forever(self) -> None: ...


class ManagerAliases:
    """0.52's methods of ``BaseManager``."""

    @classmethod
    def fromAddress(cls, address: Any, authkey: bytes | str | None = None) -> Self:
        """:meth:`from_address`."""
        manager: Self = cls.from_address(address, authkey)  # type: ignore[attr-defined]
        return manager

    def serveForever(self: _Manager) -> None:
        """:meth:`serve_forever`."""
        self.serve_forever()
