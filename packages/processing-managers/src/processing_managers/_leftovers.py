"""Named memory that nobody unlinked: it goes with the family that made it.

The name itself says whose it is.  Memory that was made without a name gets one that begins with
the family's prefix; for memory that a program named, its maker leaves a note under such a name
before the memory gets its own.  So there is no registry, and any member may make memory that
outlives itself.  Memory that was made with ``track=False`` has neither.

When the root ends, it unlinks what has no tracked user.  What has one then, and everything if the
root is killed, is unlinked by the family's keeper (`_named._keeper`), once its last tracked user is gone.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from weakref import WeakSet

from processing_core import lowlevel
from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from processing_managers._shared_memory import SharedMemory

__all__ = ["forget", "new_name", "remember", "users", "watch"]

_ROOT_SERIAL = 1  # the first member of a family is its root
_PREFIX = "prc_"
_KNOWN = 1.0  # seconds: looking takes 40 us, as long as all the rest of making memory

users: WeakSet[SharedMemory] = WeakSet()
"""The objects by which this process is a tracked user."""


def new_name(track: bool) -> str:
    """A name that is hardly taken; at most 30 characters, which is what macOS grants."""
    return _family_prefix() + os.urandom(4).hex() if track else _PREFIX + os.urandom(8).hex()


def remember(identity: int, name: str) -> None:
    """The memory that will have that name, which the program chose, is to be unlinked with the family's."""
    from processing_managers._named import names

    names.note(_note(identity), name)


def forget(identity: int) -> None:
    """That memory, remembered or not, was unlinked."""
    from processing_managers._named import names

    with suppress(OSError):
        names.unlink(_note(identity))


def _family_prefix() -> str:
    lowlevel.ensure_family()
    return f"{_PREFIX}{lowlevel.family():016x}_"


def _note(identity: int) -> str:
    return f"{_family_prefix()}n{identity}"


class _Keeper:
    known_until = 0.0  # monotonic seconds


def watch() -> None:
    """See to it that the family has a keeper, which will find what was made before this call."""
    from processing_managers._named import names

    pid, is_root = _watched()
    # A keeper waits as long as the root lives; that it was killed is noticed by whoever makes memory a second later.
    if is_root and time.monotonic() < _Keeper.known_until:
        return
    try:
        root = os.pidfd_open(pid)
        try:
            names.keep(_family_prefix(), root)
        finally:
            os.close(root)
    except OSError as error:
        lowlevel.sub_warning("named memory will be left if this program is killed: no keeper: %s", error)
    else:
        _Keeper.known_until = time.monotonic() + _KNOWN


def _watched() -> tuple[int, bool]:
    """The process whose death the keeper waits for, and whether it is the root; if that is dead, it is this one."""
    member = lowlevel.member()
    if member is None or member[1] == _ROOT_SERIAL:
        return os.getpid(), True
    for slot, serial, pid, _ in lowlevel.members():
        if serial == _ROOT_SERIAL and lowlevel.alive(slot, serial):
            return pid, True
    return os.getpid(), False


def _unlink_all() -> None:
    member = lowlevel.member()
    if member is None or member[1] != _ROOT_SERIAL:
        return
    from processing_managers._named import names

    for memory in users:
        memory._end_use()
    names.clear(_family_prefix())


def _register() -> None:
    _Keeper.known_until = 0.0
    users.clear()  # of a fork's child they are copies: the use is its parent's to end
    lowlevel.at_exit(_unlink_all, priority=-5)  # after the children have been joined


# Wherever the package is imported: the memory may be made by a child, in code that the root never imports.  A child
# forked before there is a family will be the root of its own.
_register()
os.register_at_fork(after_in_child=_register)
