"""Named memory that nobody unlinked: the family's root does it when it ends.

The name itself says whose it is.  Memory that was made without a name gets one that begins with
the family's prefix; for memory that a program named, its maker leaves a note under such a name.
So there is no registry to keep, no process that keeps one, and any member may make memory
that outlives itself.  Memory that was made with ``track=False`` has neither.

A root that is killed leaves its family's names.
"""

import os
from contextlib import suppress

from processing_core import lowlevel

__all__ = ["forget", "new_name", "remember"]

_ROOT_SERIAL = 1  # the first member of a family is its root
_PREFIX = "prc_"


def new_name(track: bool) -> str:
    """A name that is hardly taken; at most 30 characters, which is what macOS grants."""
    return _family_prefix() + os.urandom(4).hex() if track else _PREFIX + os.urandom(8).hex()


def remember(name: str) -> None:
    """The memory of that name, which the program chose, is to be unlinked with the family's."""
    from processing_managers._named import names

    names.note(_note(names.identity(name)), name)


def forget(identity: int | None) -> None:
    """That memory, remembered or not, was unlinked."""
    from processing_managers._named import names

    with suppress(OSError):
        names.unlink(_note(identity))


def _family_prefix() -> str:
    lowlevel.ensure_family()
    return f"{_PREFIX}{lowlevel.family():016x}_"


def _note(identity: int | None) -> str:
    return f"{_family_prefix()}n{identity}"


def _unlink_all() -> None:
    member = lowlevel.member()
    if member is None or member[1] != _ROOT_SERIAL:
        return
    from processing_managers._named import names

    for name in names.beginning(_family_prefix()):
        noted = names.noted(name)
        with suppress(OSError):
            # Another memory may have got the name since.
            if noted is not None and name == _note(names.identity(noted)):
                names.unlink(noted)
        with suppress(OSError):
            names.unlink(name)


def _watch() -> None:
    lowlevel.at_exit(_unlink_all, priority=-5)  # after the children have been joined


# Wherever the package is imported: the memory may be made by a child, in code that the root never imports.  A child
# forked before there is a family will be the root of its own.
_watch()
os.register_at_fork(after_in_child=_watch)
