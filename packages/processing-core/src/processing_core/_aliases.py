"""The names of ``processing`` 0.52; permanent.

Each method calls the modern one on ``self``, so that what a subclass overrides is reached.
"""

from __future__ import annotations

from processing_core.annotations import Protocol

__all__ = ["ProcessAliases"]


class _Modern(Protocol):
    name: str
    daemon: bool

    @property
    def pid(self) -> int | None: ...
    @property
    def exitcode(self) -> int | None: ...
    @property
    def authkey(self) -> bytes: ...
    @authkey.setter
    def authkey(self, authkey: bytes | str) -> None: ...
    def is_alive(self) -> bool: ...


class ProcessAliases:
    """0.52's methods of ``Process``."""

    def isAlive(self: _Modern) -> bool:
        """:meth:`is_alive`."""
        return self.is_alive()

    def getName(self: _Modern) -> str:
        """:attr:`name`."""
        return self.name

    def setName(self: _Modern, name: str) -> None:
        """Set :attr:`name`."""
        self.name = name

    def isDaemon(self: _Modern) -> bool:
        """:attr:`daemon`."""
        return self.daemon

    def setDaemon(self: _Modern, daemonic: bool) -> None:
        """Set :attr:`daemon`."""
        self.daemon = daemonic

    def getPid(self: _Modern) -> int | None:
        """:attr:`pid`."""
        return self.pid

    def getExitCode(self: _Modern) -> int | None:
        """:attr:`exitcode`."""
        return self.exitcode

    def getAuthKey(self: _Modern) -> bytes:
        """:attr:`authkey`."""
        return self.authkey

    def setAuthKey(self: _Modern, authkey: bytes | str) -> None:
        """Set :attr:`authkey`."""
        self.authkey = authkey
