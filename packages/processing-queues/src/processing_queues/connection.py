"""Names of ``multiprocessing.connection`` that few programs use; the package itself has the others."""

from __future__ import annotations

import os

from processing_queues._addresses import Address, family_of
from processing_queues._authentication import CHALLENGE as CHALLENGE
from processing_queues._authentication import FAILURE as FAILURE
from processing_queues._authentication import WELCOME as WELCOME
from processing_queues._authentication import create_response as create_response
from processing_queues._authentication import verify_challenge as verify_challenge
from processing_queues._listener import Listener
from processing_queues._platform import default_family as default_family

__all__ = ["SocketListener", "address_type", "arbitrary_address", "default_family"]


class SocketListener(Listener):
    """A `Listener` that asks for no key.

    :param address: as a listener's.
    :param family: ``AF_UNIX``, ``AF_INET`` or ``AF_INET6``.
    :param backlog: how many connections may wait while no thread is in `accept`.
    :raises OSError: if the address is taken, or the system refuses; ``filename`` is the address.
    :raises ValueError: if there is no such family.
    """

    def __init__(self, address: Address, family: str, backlog: int = 64) -> None:
        super().__init__(address, family, backlog)


def address_type(address: Address) -> str:
    r"""The family of an address: ``AF_UNIX``, ``AF_INET`` or ``AF_INET6``, or ``AF_PIPE`` for one of Windows' pipes.

    :raises TypeError: if it is of no family.

    >>> address_type(("localhost", 80)), address_type("/run/server"), address_type(r"\\.\pipe\server")
    ('AF_INET', 'AF_UNIX', 'AF_PIPE')
    """
    if isinstance(address, str):
        return "AF_PIPE" if address.startswith("\\\\") else "AF_UNIX"
    return family_of(address, None)


def arbitrary_address(family: str) -> Address:
    """An address at which a `Listener` of that family can listen.

    :return: the local host and port 0, for any free port; for ``AF_UNIX`` a path in this process's
        directory for temporary files; for ``AF_PIPE`` a name that no other pipe has.
    :raises ValueError: if there is no such family.
    :raises OSError: if there can be no such directory.
    """
    if family_of(None, family) == "AF_INET":
        return ("localhost", 0)
    if family == "AF_INET6":
        return ("::1", 0, 0, 0)
    if family == "AF_PIPE":
        return rf"\\.\pipe\processing-{os.urandom(16).hex()}"
    from processing_core.util import get_temp_dir  # here, for few programs need it

    return os.path.join(get_temp_dir(), f"listener-{os.urandom(6).hex()}")
