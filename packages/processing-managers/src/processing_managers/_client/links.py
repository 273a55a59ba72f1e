"""The links of this process: one for each server that it knows, which all its proxies and managers share."""

from __future__ import annotations

import weakref

from processing_core.annotations import Any
from processing_core.lowlevel import ThreadLock
from processing_managers._client.link import AnyLink, Link
from processing_managers._client.local_link import LocalLink, LocalServer
from processing_managers._wire.serializers import PICKLE, Serializer

__all__ = ["forget_links", "link_to", "remote_link", "serve_here", "stop_serving_here"]


class _Links:
    """Registers each `Link` when it is made, and under its server's id when that is known."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin with none."""
        self.lock = ThreadLock()  # guards by_address
        self.by_address: weakref.WeakValueDictionary[tuple[Any, bytes, Serializer], Link] = (
            weakref.WeakValueDictionary()
        )
        self.by_server: weakref.WeakValueDictionary[str, Link] = weakref.WeakValueDictionary()
        self.local: dict[str, LocalLink] = {}

    def opened(self, link: Link) -> None:
        """The link is connected, and knows its server."""
        self.by_server[link.server_id] = link

    def gone(self, link: Link) -> None:
        """The link's server is gone; one that comes after it at the same address is another."""
        with self.lock:
            key = (link.address, link.authkey, link.serializer)
            if self.by_address.get(key) is link:
                del self.by_address[key]
        self.by_server.pop(link.server_id, None)


_links = _Links()


def link_to(address: Any, authkey: bytes, server_id: str = "", serializer: Serializer = PICKLE) -> AnyLink:
    """The link to a server.

    :param server_id: which of those that may have had this address, or have it under another name.
    """
    known = _links.local.get(server_id) or _links.by_server.get(server_id)
    return known or remote_link(address, authkey, serializer)


def remote_link(address: Any, authkey: bytes, serializer: Serializer = PICKLE) -> Link:
    """The link to the server that listens at this address now."""
    with _links.lock:
        link = _links.by_address.get((address, authkey, serializer))
        if link is None or link.ended():
            link = _links.by_address[address, authkey, serializer] = Link(address, authkey, serializer, _links)
        return link


def serve_here(server: LocalServer) -> None:
    """Let proxies of this process reach its server without a connection."""
    _links.local[server.table.server_id] = LocalLink(server)


def stop_serving_here(server: LocalServer) -> None:
    """The opposite of `serve_here`."""
    _links.local.pop(server.table.server_id, None)


def forget_links() -> None:
    """In a forked child: begin with none; their connections were closed."""
    for link in [*_links.by_address.values(), *_links.by_server.values()]:
        link.abandon()
    _links.clear()
