"""Pickling: the plain protocol first, cloudpickle if the receiver could not unpickle that.

Plain pickle does not suffice if it refuses the object (a lambda, a closure), or if it writes a reference into a
``__main__`` that no other process can import: that of a REPL, a notebook, ``python -c``, stdin, or a package run with
``-m``; or a reference to a definition under a main guard. cloudpickle is imported when it is first needed.
"""

from __future__ import annotations

import _pickle as pickle
import copyreg
import sys
from _pickle import loads as loads
from collections.abc import Callable

from processing_core import _guarded, _libraries, _main_module, _reducers
from processing_core._fds import transports
from processing_core._fds.descriptors import Deposits, is_scarcity
from processing_core._native import _kernel
from processing_core.annotations import Any, TypeAlias

__all__ = ["dumps", "loads", "path_to_culprit", "pieces"]

_PROTOCOL = 5

# Buffers of at least this many bytes are sent in a block of their own: from there on that takes no longer than two more
# copies.
OUT_OF_BAND = 32 << 10
_NEVER = sys.maxsize

_seen = _libraries.seen

_Written: TypeAlias = tuple[list[Any], list[pickle.PickleBuffer]]
"""A pickle in pieces, and the buffers that it lacks."""

# The errors of plain pickle for objects that it cannot name.
_REFUSALS = (pickle.PicklingError, AttributeError, TypeError)


def dumps(obj: Any) -> bytes:
    """Pickle ``obj`` for any member of the family.

    Does not block; calls the code of ``obj`` (``__reduce__``, ``__getstate__``), at most twice, and a few times more if
    neither way works.

    :raises NotPicklableError: if something in it cannot be pickled; it names the path to that.
    :raises Exception: whatever else the pickling of ``obj`` raises, with a note that names the path.
    """
    pieces, _ = _write(obj, _NEVER)
    return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)


def pieces(obj: Any) -> _Written:
    """Pickle ``obj`` as :func:`dumps` does, but without joining the pieces, and without the large buffers.

    :return: the pickle in pieces, of which the long ones are objects of the sender's own; and the buffers that are not
        in it, which ``loads`` needs in this order.
    """
    if (
        len(sys.modules) != _seen.modules or (_seen.table and _seen.registered != copyreg.dispatch_table)
    ) and _libraries.look():
        _idle[OUT_OF_BAND] = []
    return _write(obj, OUT_OF_BAND)


class NeedsHelp(BaseException):
    """Raised by a pickling to be begun again, with the class of `_arrays.pickler`; never seen by callers."""


class _Writer:
    """A pickler, and what it has written: frames, and long bytes objects themselves.

    It is reused, by one thread at a time, because making a pickler takes as long as pickling a small object.
    """

    __slots__ = ("_arrays_as_they_are", "_buffers", "_least", "_pickler", "_pieces", "write")

    def __init__(self, least: int, make: Callable[..., Any], arrays_as_they_are: bool = False) -> None:
        """
        :param least: bytes from which on a buffer stays out of band.
        :param make: the class of the pickler.
        :param arrays_as_they_are: do not raise `NeedsHelp` at the first one.
        """
        self._arrays_as_they_are = arrays_as_they_are
        self._least = least
        self._pieces: list[Any] = []
        self._buffers: list[pickle.PickleBuffer] = []
        self.write = self._pieces.append
        self._pickler = make(self, _PROTOCOL, buffer_callback=self._keep_in)
        if least == OUT_OF_BAND and _seen.table:
            _libraries.apply(self._pickler)

    def _keep_in(self, buffer: pickle.PickleBuffer) -> bool:
        with buffer.raw() as view:
            if view.readonly and not self._arrays_as_they_are:
                _refuse_array(view.obj)
            if view.nbytes < self._least:
                return True
        self._buffers.append(buffer)
        return False

    def run(self, obj: Any) -> _Written:
        """Pickle an object.  If it raises, this writer is of no further use."""
        self._pickler.dump(obj)
        self._pickler.clear_memo()
        written = self._pieces[:], self._buffers[:]
        self._pieces.clear()
        self._buffers.clear()
        return written


_idle: dict[int, list[_Writer]] = {OUT_OF_BAND: [], _NEVER: []}
"""Writers that are not in use, by their `least`; taken and given back by single operations of a list."""


def pack_shared(obj: Any) -> tuple[Any, object]:
    """A parcel with an object that several processes unpack, each of which gets its own copies of its descriptors.

    :return: the parcel, and what must be kept as long as that shall be possible.
    """
    made = Deposits.made
    parcel = _kernel.pack(obj)
    return parcel, transports.share(made)


def _write(obj: Any, least: int) -> _Written:
    made = Deposits.made
    marks: tuple[bytes, ...] = ()
    try:
        written = _write_plain(obj, least, made)
        marks = _guarded.marks()
        if not marks or not _has(written, marks):
            return written
    except _REFUSALS:
        pass
    except BaseException as error:
        _explain(error, obj, made)
        raise
    try:
        return _write_by_value(obj, least, made)
    except Exception:
        if not marks or not _main_module.importable():
            raise
        return _write_plain(obj, least, Deposits.made)  # a forked child has definitions under the guard, too


def _has(written: _Written, marks: tuple[bytes, ...]) -> bool:
    return any(type(piece) is bytes and any(mark in piece for mark in marks) for piece in written[0])


def path_to_culprit(obj: Any) -> str:
    """The path to the part of ``obj`` that cannot be pickled, as ``args[0].lock``; errors of :func:`dumps` have it.

    Does not block; calls the code of ``obj``.

    :return: the empty string if it is ``obj`` itself, or if ``obj`` can be pickled.
    """
    from processing_core import _culprit  # here, for it is seldom needed

    made = Deposits.made
    try:
        return _culprit.path_to_culprit(obj)
    finally:
        transports.recall(made)


def _write_plain(obj: Any, least: int, made: int) -> _Written:
    try:
        if _reducers.registered():
            return _with_no_array_copied(_Writer(least, _reducers.pickler()).run(obj), least)
        idle = _idle[least]
        try:
            writer = idle.pop()
        except IndexError:
            writer = _Writer(least, pickle.Pickler)
        written = writer.run(obj)
        idle.append(writer)
        return written if len(written[0]) == 1 else _with_no_array_copied(written, least)
    except NeedsHelp:
        transports.recall(made)
    return _with_arrays(_reducers.pickler(), least).run(obj)


def _with_no_array_copied(written: _Written, least: int) -> _Written:
    if least == OUT_OF_BAND and len(written[0]) > 1:
        from processing_core import _arrays

        if _arrays.has_copied(written[0]):
            raise NeedsHelp
    return written


def _write_by_value(obj: Any, least: int, made: int) -> _Written:
    transports.recall(made)
    try:
        return _with_arrays(_reducers.by_value_pickler(), least).run(obj)
    except BaseException as error:
        refusal = _explain(error, obj, made)
        if refusal is None:
            raise
        raise refusal from error


def _refuse_array(obj: Any) -> None:
    from processing_core import _arrays  # here, for most programs pickle no read-only buffers

    if _arrays.is_array(obj):
        raise NeedsHelp


def _with_arrays(chosen: Any, least: int) -> _Writer:
    from processing_core import _arrays

    return _Writer(least, _arrays.pickler(chosen), arrays_as_they_are=True)


def _explain(error: BaseException, obj: Any, made: int) -> Exception | None:
    try:
        if is_scarcity(error):  # no part of the object is the cause, and the search would need descriptors
            return None
        try:
            from processing_core import _culprit
        except ImportError:  # this process has become another user, say, and may not read the library any more
            return None
        return _culprit.explain(error, obj)
    finally:
        transports.recall(made)


# Children import the main module as ``__mp_main__``; what they pickle by that name must be found here.
sys.modules.setdefault("__mp_main__", sys.modules["__main__"])

_kernel.set_pickler(pieces, loads)
