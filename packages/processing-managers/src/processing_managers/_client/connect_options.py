"""How this process connects to the server at an address: by which handshake, and whether by TLS."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["HandshakeProtocol", "encrypt", "handshake_of", "ssl_context_of", "use_protocol"]

HandshakeProtocol: TypeAlias = 'Literal["processing", "multiprocessing"]'

# By address.  A forked child has them too.
_contexts: dict[Any, SSLContext] = {}
_protocols: dict[Any, HandshakeProtocol] = {}  # where it is not the usual one


def encrypt(address: Any, context: SSLContext) -> None:
    """Let this process speak TLS with the server at this address."""
    _contexts[address] = context


def ssl_context_of(address: Any) -> SSLContext | None:
    """The context by which this process speaks TLS with the server at this address; ``None`` if it does not."""
    return _contexts.get(address)


def use_protocol(address: Any, protocol: HandshakeProtocol) -> None:
    """Let this process use that handshake with the server at this address."""
    if protocol == "processing":
        _protocols.pop(address, None)
    else:
        _protocols[address] = protocol


def handshake_of(address: Any) -> HandshakeProtocol:
    """The handshake that this process uses with the server at this address."""
    return _protocols.get(address, "processing")
