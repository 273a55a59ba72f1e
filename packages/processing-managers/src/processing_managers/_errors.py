"""The errors of managers.

::

    ProcessError (core)
    ├── RemoteError                        what happened in the server, as text; it is a __cause__
    │   └── NotExposed (AttributeError)    a method that proxies may not call
    └── ServerGone (ConnectionError,       the manager's server ended, was killed, or cannot be reached
        EOFError)

A proxy whose referent is gone while its server lives raises :exc:`~processing.HandleError`.
"""

from __future__ import annotations

from processing_core import ProcessError
from processing_core.annotations import Any

__all__ = ["NotExposed", "RemoteError", "ServerGone"]


class RemoteError(ProcessError):
    """The server's traceback of an exception; it is the exception's ``__cause__``.

    It is raised itself where the server could not make an object, or could not send a result or an exception.

    :param text: The formatted traceback.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n{'-' * 75}\n{self.text}{'-' * 75}"


class NotExposed(RemoteError, AttributeError):
    """A proxy called a method that the server does not expose; ``multiprocessing`` raises a :exc:`RemoteError`."""


class ServerGone(ProcessError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError, EOFError):
    """The manager's server ended, was killed, or cannot be reached.

    It is each of the builtin errors that such an end shows itself by.

    :param message: What happened.
    :param address: The server's address.
    :param pid: Its process's id; ``None`` if it was never reached.
    """

    def __init__(self, message: str, address: Any = None, pid: int | None = None) -> None:
        super().__init__(message)
        self.address = address
        self.pid = pid
