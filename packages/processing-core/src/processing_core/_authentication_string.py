"""The key of a process, which does not get out by accident."""

from __future__ import annotations

from processing_core.annotations import Any

__all__ = ["AuthenticationString"]


class AuthenticationString(bytes):
    """A key: bytes that can be pickled only for a process which is being started, and that are not shown.

    >>> AuthenticationString(b"secret")
    <AuthenticationString>
    """

    def __reduce__(self) -> tuple[Any, ...]:
        from processing_core._fds import inherited as inherited

        if not inherited.is_packing():
            raise TypeError("Pickling an AuthenticationString object is disallowed for security reasons")
        return AuthenticationString, (bytes(self),)

    def __repr__(self) -> str:
        return "<AuthenticationString>"

    __str__ = __repr__
