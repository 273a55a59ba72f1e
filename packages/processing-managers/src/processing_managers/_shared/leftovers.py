"""Named memory that no process unlinked: it goes with the family that made it.

The name contains the family. Memory that was made without a name gets one that begins with the family's prefix.  For
memory with a name that a program chose, the process that makes it leaves a note under such a name before the memory
gets its own.  So there is no registry, and any member may make memory that outlives itself.  Memory that was made with
``track=False`` has neither.

When the root ends, it unlinks what has no tracked user.  What has one then, and everything if the root is killed, is
unlinked by the family's shared-memory reaper (`_platform._reaper`), once its last tracked user is gone.
"""

from __future__ import annotations

import os
import time
from weakref import WeakSet

from processing_core import lowlevel
from processing_core.annotations import Protocol

__all__ = ["PREFIX", "are_gone", "finds", "forget", "new_name", "remember", "users", "watch"]

_ROOT_SERIAL = 1  # the first member of a family is its root
PREFIX = "prc_"
"""What the names begin with that were not chosen by a program."""
_KNOWN = 1.0  # seconds: looking takes 40 us, as long as all the rest of making memory


class User(Protocol):
    """An object by which a process is a tracked user of named memory."""

    def _end_use(self) -> None:
        """Stop being a tracked user, and unlink the memory if there is no other."""


users: WeakSet[User] = WeakSet()
"""The objects by which this process is a tracked user."""


def new_name(track: bool) -> str:
    """A name that is hardly taken; at most 30 characters, which is what macOS grants."""
    return _family_prefix() + os.urandom(4).hex() if track else PREFIX + os.urandom(8).hex()


def finds(name: str) -> bool:
    """Whether it is found at the family's end by the name alone."""
    return name.startswith(_family_prefix())


def remember(identity: int, name: str) -> None:
    """The memory that will have that name, which the program chose, is to be unlinked with the family's."""
    from processing_managers._platform import names

    try:
        names.note(_note(identity), name)
    except FileExistsError:  # another user's note, who knows the family's prefix; or one that earlier memory has left
        names.note(f"{_note(identity)}.{os.urandom(4).hex()}", name)


def forget(identity: int) -> None:
    """That memory, remembered or not, was unlinked."""
    from processing_managers._platform import names

    try:
        names.unlink(_note(identity))
    except OSError:
        pass  # there is none


def _family_prefix() -> str:
    lowlevel.ensure_family()
    return f"{PREFIX}{lowlevel.family():016x}_"


def _note(identity: int) -> str:
    return f"{_family_prefix()}n{identity}"


class _Reaper:
    known_until = 0.0  # monotonic seconds


def are_gone() -> bool:
    """Whether this process is the root, and at its end has unlinked what no process uses."""
    return _State.gone


class _State:
    gone = False


def watch() -> None:
    """See to it that the family has a reaper, which will find what was made before this call."""
    from processing_managers._platform import names

    pid, is_root = _watched()
    # A reaper waits as long as the root lives.  If it was killed, a process that makes memory a second later notices.
    if is_root and time.monotonic() < _Reaper.known_until:
        return
    try:
        root = lowlevel.open_pidfd(pid)
        try:
            names.ensure_reaper(_family_prefix(), root.fileno())
        finally:
            root.close()
    except OSError as error:
        lowlevel.sub_warning("named memory will be left if this program is killed: no reaper: %s", error)
    else:
        _Reaper.known_until = time.monotonic() + _KNOWN


def _watched() -> tuple[int, bool]:
    """The process whose death the reaper waits for, and whether it is the root; if that is dead, it is this one."""
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
    from processing_managers._platform import names

    for memory in users:
        memory._end_use()
    names.clear(_family_prefix())
    _State.gone = True


def _register() -> None:
    _Reaper.known_until, _State.gone = 0.0, False
    users.clear()  # of a fork's child they are copies: the use is its parent's to end
    lowlevel.at_exit(_unlink_all, priority=-5)  # after the children have been joined


# Wherever the package is imported: the memory may be made by a child, in code that the root never imports.  A child
# forked before there is a family will be the root of its own.
_register()
lowlevel.register_at_fork(after_in_child=_register)
