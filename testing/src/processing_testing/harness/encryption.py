"""Contexts for TLS, with certificates that serve for tests only.

Each of the two certificates is self-signed for ``localhost``, valid until 2120; its key is in the same file.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

_FOLDER = Path(__file__).parent / "certificates"


def server_context(name: str = "known", *, asks_for: str | None = None) -> ssl.SSLContext:
    """A listener's context, with one of the certificates.

    :param asks_for: the certificate that clients must show; ``None`` asks for none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_FOLDER / f"{name}.pem")
    if asks_for is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(_FOLDER / f"{asks_for}.pem")
    return context


def client_context(trusts: str = "known", *, shows: str | None = None) -> ssl.SSLContext:
    """A client's context, which trusts one of the certificates.

    :param shows: the certificate that the client shows; ``None`` for none.
    """
    context = ssl.create_default_context(cafile=str(_FOLDER / f"{trusts}.pem"))
    if shows is not None:
        context.load_cert_chain(_FOLDER / f"{shows}.pem")
    return context


def hello() -> bytes:
    """The first bytes that a client of TLS sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        client_context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()
