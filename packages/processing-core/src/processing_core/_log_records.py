"""Log records as messages: what is sent of a record, and the record that is made of it.

A message has plain values, which need no pickle, and the rest of the record pickled by itself: if that cannot be
pickled, or not be unpickled, the record comes with its message formatted, instead of with its arguments.
"""

from __future__ import annotations

import logging
import traceback

from processing_core._pickling import dumps, loads
from processing_core.annotations import Any

__all__ = ["Message", "message_of", "record_of"]

Message = tuple[dict[str, Any], bytes | None]

_PLAIN = (str, int, float, bool, type(None))
_OWN = ("msg", "args", "message", "exc_info", "exc_text")


def message_of(record: logging.LogRecord, process_name: str) -> Message:
    """What is sent of a record.

    :raises Exception: if its arguments do not fit its message.
    """
    given = vars(record)
    plain = {name: value for name, value in given.items() if type(value) in _PLAIN and name not in _OWN}
    plain["message"] = record.getMessage()
    plain["exc_text"] = _exception_text(record)
    if record.processName is not None:  # else the program wants no names
        plain["processName"] = process_name
    rest = {name: value for name, value in given.items() if name not in plain and name not in _OWN}
    if record.args or type(record.msg) is not str:
        rest.update(msg=record.msg, args=record.args)
    return plain, _pickled(rest)


def _exception_text(record: logging.LogRecord) -> str | None:
    if record.exc_text or not record.exc_info:
        return record.exc_text
    return "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")


def _pickled(rest: dict[str, Any]) -> bytes | None:
    if not rest:
        return None
    try:
        return dumps(rest)
    except Exception:
        return _pickled_each({name: value for name, value in rest.items() if name not in ("msg", "args")})


def _pickled_each(rest: dict[str, Any]) -> bytes | None:
    """What can be pickled of it."""
    chosen = {}
    for name, value in rest.items():
        try:
            dumps(value)
        except Exception:
            continue
        chosen[name] = value
    return dumps(chosen) if chosen else None


def record_of(message: Message) -> logging.LogRecord:
    """The record that a message is of."""
    plain, pickled = message
    rest: dict[str, Any] = {"msg": plain["message"], "args": None}
    if pickled is not None:
        try:
            rest.update(loads(pickled))
        except Exception:
            pass  # the message is formatted already
    return logging.makeLogRecord({**plain, **rest, "exc_info": None})
