"""Keys in pickles: a proxy can connect in any process of the family, and its pickle must not reveal the key.

A *sealed* key is a handle to a parcel in the arena, which only the family can open.
"""

from __future__ import annotations

from _pickle import UnpicklingError

from processing_core import ProcessError, current_process
from processing_core.lowlevel import Parcel, dumps, ensure_family, loads, pack, unpack

__all__ = ["Seal", "checked_key", "unseal"]


class Seal:
    """A key's parcel, kept as long as this exists."""

    def __init__(self, key: bytes) -> None:
        ensure_family()
        self._parcel = pack(key)
        self.sealed = dumps(self._parcel)


def unseal(sealed: bytes) -> bytes | None:
    """The key; ``None`` outside the family, or if its seal is gone."""
    try:
        parcel: Parcel = loads(sealed)
        return bytes(unpack(parcel))
    except (ProcessError, OSError, ValueError, RuntimeError, EOFError, UnpicklingError):
        return None


def checked_key(key: bytes | str | None) -> bytes:
    """A key as the user may give it; without one, this process's.

    :raises TypeError: if it is neither bytes nor str.
    """
    if key is None:
        return bytes(current_process().authkey)
    if isinstance(key, str):
        return key.encode()
    if not isinstance(key, (bytes, bytearray)):
        raise TypeError(f"authkey must be bytes or str, not {type(key).__name__}")  # its value is shown nowhere
    return bytes(key)
