"""`BaseProxy`, which represents an object in a manager's server.

A proxy holds a reference to its referent.  When a proxy is pickled, its pickle contains an in-flight reference, which
the process that unpickles it claims. At a fork each proxy of the child gets one, which it claims at its first use.
"""

from __future__ import annotations

import itertools
import os
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence

from processing_core.annotations import Any, ClassVar, NamedTuple, Protocol
from processing_core.lowlevel import added_attributes, register_at_fork
from processing_managers._client.connect_options import use_protocol
from processing_managers._client.link import AnyLink, Link
from processing_managers._client.links import forget_links, link_to
from processing_managers._client.local_link import LocalLink
from processing_managers._proxies.aliases import ProxyAliases
from processing_managers._wire.keys import checked_key, unseal
from processing_managers._wire.messages import GET_VALUE, STR
from processing_managers._wire.serializers import serializer_named

__all__ = ["AutoProxy", "BaseProxy", "Connected", "MakeProxyType", "RebuildProxy", "Token", "plain", "referent_of"]


_NONE: Mapping[str, Any] = {}
_FLIGHT = "loan"  # as pickles call it
_OWN = frozenset(
    ["_token", "_id", "_manager", "_authkey", "_exposed", "_serializer", "_link", "_flight", "_finalizer"]
)  # attributes


class Token(NamedTuple):
    """Which referent: of what type, at which server, under which name."""

    typeid: str
    address: Any
    id: str


class Connected(Protocol):
    """What a proxy needs of its manager."""

    _authkey: bytes

    def _started(self) -> AnyLink:
        """The link to the server.

        :raises StateError: if the manager was not started or connected.
        """


class BaseProxy(ProxyAliases):
    """Represents an object in a manager's server, and sends calls to it.

    A proxy can be sent anywhere: as an argument of a process, in a task, through a queue, into another managed object.
    Process- and thread-safe: each thread's calls are carried out by a thread of its own in the server.  A signal
    handler that raises interrupts a call that waits; the server carries it out all the same.

    A subclass offers methods that call :meth:`_callmethod`, and names those of the referent in ``_exposed_``.

    :param token: which referent.
    :param serializer: the name of the server's, as for `BaseManager`.
    :param manager: the manager whose proxy it is.
    :param authkey: the server's key; by default the manager's, or this process's.
    :param exposed: the methods that the server lets it call.
    :param incref: take a reference; otherwise the caller's becomes the proxy's.
    :param manager_owned: for ``multiprocessing``'s signature; means nothing.
    :raises ServerGone: if the server is gone.
    :raises HandleError: if the referent is gone.
    """

    _exposed_: ClassVar[tuple[str, ...] | None] = None
    _method_to_typeid_: ClassVar[Mapping[str, str] | None] = None

    def __init__(
        self,
        token: Token,
        serializer: str = "pickle",
        manager: Connected | None = None,
        authkey: bytes | str | None = None,
        exposed: Sequence[str] | None = None,
        incref: bool = True,
        manager_owned: bool = False,
    ) -> None:
        self._token = token
        self._id = token.id
        self._manager = manager  # so that the server lives as long as the proxies made by its manager
        self._authkey = manager._authkey if authkey is None and manager is not None else checked_key(authkey)
        self._serializer = serializer
        self._exposed = None if exposed is None else tuple(exposed)
        self._link: AnyLink | None = None
        self._flight: bytes | None = None
        if incref:
            self._join()
        else:
            # The reference is that of the manager's link, which need not be the one that others would choose.
            self._hold(_link_of(token, self._authkey, serializer) if manager is None else manager._started())

    def _callmethod(self, methodname: str, args: Sequence[Any] = (), kwds: Mapping[str, Any] | None = None) -> Any:
        """Call a method of the referent.  Blocks until it has returned.

        :param methodname: one of the exposed methods.
        :param args: its arguments.
        :param kwds: its keyword arguments.
        :raises AttributeError: if the method is not exposed.
        :raises ServerGone: if the server is gone.
        :raises HandleError: if the referent is gone.
        :raises BaseException: what the method raises, with the server's traceback as its ``__cause__``.
        """
        return (self._link or self._join()).call(self._id, methodname, tuple(args), kwds or _NONE)

    def _getvalue(self) -> Any:
        """A copy of the referent.  Blocks; raises as :meth:`_callmethod`, and if it cannot be pickled."""
        return self._callmethod(GET_VALUE)

    def _join(self) -> AnyLink:
        """Take a reference of our own."""
        link = _link_of(self._token, self._authkey, self._serializer)
        link.claim(self._id, self._flight)
        return self._hold(link)

    def _hold(self, link: AnyLink) -> AnyLink:
        """Own a reference, which goes when this proxy goes."""
        self._link = link
        self._finalizer = weakref.finalize(self, link.release, self._id)
        self._finalizer.atexit = False
        _living[next(_numbers)] = self
        return link

    def _after_fork(self, flight: bytes) -> None:
        if self._link is not None:
            self._finalizer.detach()
            self._link, self._flight, self._manager = None, flight, None

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        link = self._link or self._join()
        flight = os.urandom(8)
        link.send_reference(self._id, flight)
        return RebuildProxy, (type(self), self._token, self._serializer, self._keywords(link, flight))

    def _keywords(self, link: AnyLink, flight: bytes) -> dict[str, Any]:
        keywords: dict[str, Any] = {"sealed_key": link.sealed_key, _FLIGHT: flight, "exposed": self._exposed}
        if link.protocol != "processing":
            keywords["protocol"] = link.protocol
        if added := added_attributes(self, _OWN):
            keywords["added"] = added
        return keywords

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._getvalue()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object, typeid {self._token.typeid!r} at {id(self):#x}>"

    def __str__(self) -> str:
        try:
            return str(self._callmethod(STR))
        except Exception:
            return repr(self)[:-1] + "; '__str__()' failed>"


def RebuildProxy(func: Callable[..., Any], token: Token, serializer: str, kwds: dict[str, Any]) -> Any:
    """The function that a pickled proxy calls: a proxy of this process to the same referent.

    :param func: the proxy's class.
    :raises ServerGone: if the server is gone.
    :raises HandleError: if the referent is gone.
    """
    authkey = checked_key(unseal(kwds["sealed_key"]))
    if "protocol" in kwds:
        use_protocol(token.address, kwds["protocol"])
    link = _link_of(token, authkey, serializer)
    if isinstance(link, Link):  # the server's own name for where it listens need not be one by which others reach it
        token = token._replace(address=link.address)
    link.claim(token.id, kwds[_FLIGHT])
    try:
        proxy = func(token, serializer, authkey=authkey, exposed=kwds["exposed"], incref=False)
        vars(proxy).update(kwds.get("added", ()))
    except BaseException:
        link.release(token.id)
        raise
    return proxy


def MakeProxyType(name: str, exposed: Sequence[str]) -> type[BaseProxy]:
    """A class of proxies whose methods call those of the referent.

    :param name: of the class.
    :param exposed: the names of the methods.
    """
    methods = {method: _forwarder(method) for method in exposed}
    module = sys._getframe(1).f_globals.get("__name__", __package__)  # where pickle will look for it
    return type(name, (BaseProxy,), {**methods, "_exposed_": tuple(exposed), "__module__": module})


def AutoProxy(
    token: Token,
    serializer: str = "pickle",
    manager: Connected | None = None,
    authkey: bytes | str | None = None,
    exposed: Sequence[str] | None = None,
    incref: bool = True,
    manager_owned: bool = False,
) -> BaseProxy:
    """A proxy whose methods are those that the server exposes; blocks if it must ask for them.

    The parameters are those of `BaseProxy`.
    """
    if exposed is None:
        key = manager._authkey if authkey is None and manager is not None else checked_key(authkey)
        exposed = _link_of(token, key, serializer).call(None, "exposed", (token.id,), {})
    cls = _auto_type(f"AutoProxy[{token.typeid}]", tuple(exposed))
    return cls(token, serializer, manager, authkey, exposed, incref)


class _AutoBase(BaseProxy):
    """A proxy that is rebuilt by `AutoProxy`, for its class cannot be imported."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        rebuild, (_, *rest) = super().__reduce__()
        return rebuild, (AutoProxy, *rest)


def plain(value: Any) -> Any:
    """The referent's value, if ``value`` is a proxy; otherwise ``value``."""
    return value._getvalue() if isinstance(value, BaseProxy) else value


def referent_of(value: Any) -> Any:
    """In the server: the referent itself, if ``value`` is a proxy of one of its own; otherwise ``value``."""
    link = value._link if isinstance(value, BaseProxy) else None
    return link.referent(value._id) if isinstance(link, LocalLink) else value


def _forwarder(name: str) -> Callable[..., Any]:
    def method(self: BaseProxy, /, *args: Any, **kwds: Any) -> Any:
        return self._callmethod(name, args, kwds)

    method.__name__ = name
    method.__qualname__ = f"{BaseProxy.__name__}.{name}"
    return method


_auto_types: dict[tuple[str, tuple[str, ...]], type[BaseProxy]] = {}


def _auto_type(name: str, exposed: tuple[str, ...]) -> type[BaseProxy]:
    try:
        return _auto_types[name, exposed]
    except KeyError:
        methods = {method: _forwarder(method) for method in exposed}
        cls = type(name, (_AutoBase,), {**methods, "_exposed_": exposed, "__module__": __package__})
        return _auto_types.setdefault((name, exposed), cls)


def _link_of(token: Token, authkey: bytes, serializer: str) -> AnyLink:
    return link_to(token.address, authkey, token.id.partition(":")[0], serializer_named(serializer))


# -- forks -----------------------------------------------------------------------------------------

_numbers = itertools.count()
_living: weakref.WeakValueDictionary[int, BaseProxy] = weakref.WeakValueDictionary()


class _Fork:
    flight = b""


def _before_fork() -> None:
    _Fork.flight = os.urandom(8)
    # The references: to list the values themselves takes several steps, between which other threads make proxies.
    for proxy in [reference() for reference in _living.valuerefs()]:
        if proxy is not None and proxy._link is not None:
            proxy._link.send_reference(proxy._id, _Fork.flight)


def _after_fork_in_child() -> None:
    forget_links()
    proxies = list(_living.values())
    _living.clear()
    for proxy in proxies:
        proxy._after_fork(_Fork.flight)


register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
