"""Pickling: the plain protocol first, cloudpickle where that cannot serve the receiver.

Plain pickle cannot serve the receiver when it refuses (a lambda, a closure), and when it writes a
reference into a ``__main__`` that no other process can import: that of a REPL, a notebook,
``python -c``, stdin, or a package run with ``-m``.  cloudpickle is imported when first needed.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pickle import loads as loads

from processing_core import _main_module, _reducers
from processing_core._descriptors import Deposits
from processing_core._native import _kernel
from processing_core.annotations import Any, TypeAlias

__all__ = ["dumps", "loads", "path_to_culprit", "pieces"]

_PROTOCOL = 5

# Bytes from which on a buffer travels in a block of its own: where that takes no longer than to copy it twice more.
OUT_OF_BAND = 32 << 10
_NEVER = sys.maxsize

_Written: TypeAlias = tuple[list[Any], list[pickle.PickleBuffer]]
"""A pickle in pieces, and the buffers that it lacks."""

# What plain pickle raises for things that it does not know how to name.
_REFUSALS = (pickle.PicklingError, AttributeError, TypeError)


def dumps(obj: Any) -> bytes:
    """Pickle ``obj`` for any member of the family.

    Does not block; calls the code of ``obj`` (``__reduce__``, ``__getstate__``), at most twice, and a few
    times more if neither way serves.

    :raises NotPicklableError: if something in it cannot be pickled; it names the path to that.
    :raises Exception: whatever else the pickling of ``obj`` raises, with a note that names the path.
    """
    pieces, _ = _write(obj, _NEVER)
    return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)


def pieces(obj: Any) -> _Written:
    """Pickle ``obj`` as :func:`dumps` does, without joining what the pickler wrote, and without the large buffers.

    :return: the pickle in pieces, of which the long ones are objects of the sender's own; and the buffers that are
        not in it, which ``loads`` wants back in this order.
    """
    return _write(obj, OUT_OF_BAND)


class _Writer:
    """A pickler, and what it writes: frames, and whatever is long as it is.

    Used again and again, by one thread at a time: to make a pickler takes as long as to pickle a small object.
    """

    __slots__ = ("_buffers", "_least", "_pickler", "_pieces", "write")

    def __init__(self, least: int, make: Callable[..., Any]) -> None:
        """
        :param least: bytes from which on a buffer stays out of band.
        :param make: the class of the pickler.
        """
        self._least = least
        self._pieces: list[Any] = []
        self._buffers: list[pickle.PickleBuffer] = []
        self.write = self._pieces.append
        self._pickler = make(self, _PROTOCOL, buffer_callback=self._keep_in)

    def _keep_in(self, buffer: pickle.PickleBuffer) -> bool:
        with buffer.raw() as view:
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
"""Writers that nobody uses, by their `least`; taken and given back by single operations of a list."""


def _write(obj: Any, least: int) -> _Written:
    made = Deposits.made
    try:
        written = _write_plain(obj, least)
        if _main_module.importable() or not any(type(piece) is bytes and b"__main__" in piece for piece in written[0]):
            return written
    except _REFUSALS:
        pass
    except BaseException as error:
        _explain(error, obj, made)
        raise
    return _write_by_value(obj, least, made)


def path_to_culprit(obj: Any) -> str:
    """Where in ``obj`` stands what cannot be pickled, like ``args[0].session.lock``; :func:`dumps` tells it already.

    Does not block; calls the code of ``obj``.

    :return: the empty string if it is ``obj`` itself, or if ``obj`` can be pickled.
    """
    from processing_core import _culprit  # here, for it is seldom needed

    made = Deposits.made
    try:
        return _culprit.path_to_culprit(obj)
    finally:
        _take_back(made)


def _write_plain(obj: Any, least: int) -> _Written:
    if _reducers.registered():
        return _Writer(least, _reducers.ForkingPickler).run(obj)
    idle = _idle[least]
    try:
        writer = idle.pop()
    except IndexError:
        writer = _Writer(least, pickle.Pickler)
    written = writer.run(obj)
    idle.append(writer)
    return written


def _write_by_value(obj: Any, least: int, made: int) -> _Written:
    _take_back(made)
    try:
        return _Writer(least, _reducers.by_value_pickler()).run(obj)
    except BaseException as error:
        refusal = _explain(error, obj, made)
        if refusal is None:
            raise
        raise refusal from error


def _explain(error: BaseException, obj: Any, made: int) -> Exception | None:
    from processing_core import _culprit

    try:
        return _culprit.explain(error, obj)
    finally:
        _take_back(made)


def _take_back(made: int) -> None:
    """Take back the descriptors that were deposited for a pickle which is not used."""
    if Deposits.made != made:
        from processing_core import _broker

        _broker.recall(made)


# Children know the main module as ``__mp_main__``; what they pickle by that name must load here.
sys.modules.setdefault("__mp_main__", sys.modules["__main__"])

_kernel.set_pickler(pieces, loads)
