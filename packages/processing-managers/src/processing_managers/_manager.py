"""`BaseManager`: objects that live in a process of their own, the server, and their proxies elsewhere."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType

from processing_core import BaseContext, Process, StateError, get_context
from processing_core.annotations import TYPE_CHECKING, Any, ClassVar, Self
from processing_core.lowlevel import at_exit
from processing_managers import _child
from processing_managers._aliases import ManagerAliases
from processing_managers._keys import checked_key, unseal
from processing_managers._link import Link, encrypt, remote_link
from processing_managers._proxy import AutoProxy, Token
from processing_managers._registry import Entry, Registry

if TYPE_CHECKING:
    from ssl import SSLContext

    from processing_managers._server import Server

__all__ = ["BaseManager"]

_INITIAL, _STARTED, _SHUTDOWN = "initial", "started", "shutdown"


class BaseManager(ManagerAliases):
    """Makes objects in a server, and proxies for them here.

    What it can make is registered with the class by :meth:`register`, or by `CreatorMethod`.  :meth:`start` starts a
    server, :meth:`connect` uses one that runs.  A manager is a context manager: it starts at the beginning and shuts
    down at the end.  When the manager and the proxies that it made are gone, or the program ends, the server ends; if
    the program is killed, the server is killed too.

    Process- and thread-safe.  A pickled manager is one that is connected to the same server.

    :param address: where the server listens: ``(host, port)``, or the name of a Unix socket; ``None`` for an address
        that nobody else has.
    :param authkey: the key that server and clients must share, bytes or str; by default this process's.
    :param serializer: for ``multiprocessing``'s signature; only ``"pickle"``.
    :param ctx: the context whose start method the server is started by.
    :param shutdown_timeout: seconds that the server has to end before it is killed.
    :param ssl: speak TLS: a server's context for a manager that serves by :meth:`get_server`, a client's for one that
        connects; it serves the proxies of this process and of its forked children, too.
    :param nested: let its server make lists, dicts and sets managed that are put into managed lists and dicts, however
        deep, so that what is fetched of them can be changed; for managers that make those, as `SyncManager`.
    :raises ValueError: if the serializer is another.

    >>> import processing.managers
    >>> class Manager(processing.managers.BaseManager): ...
    >>> Manager.register("dict", dict, processing.managers.DictProxy)
    >>> with Manager() as manager:  # doctest: +SKIP
    ...     stock = manager.dict(apples=3)
    """

    _registry: ClassVar[Registry] = {}

    def __init__(
        self,
        address: Any = None,
        authkey: bytes | str | None = None,
        serializer: str = "pickle",
        ctx: BaseContext | None = None,
        *,
        shutdown_timeout: float = 1.0,
        ssl: SSLContext | None = None,
        nested: bool = False,
    ) -> None:
        if serializer != "pickle":
            raise ValueError(f"serializer {serializer!r}: there is only 'pickle'")
        self._address = address
        self._authkey = checked_key(authkey)
        self._ctx = ctx or get_context()
        self._shutdown_timeout = shutdown_timeout
        self._ssl, self._nested = ssl, nested
        self._state = _INITIAL
        self._link: Link | None = None
        self._process: Process | None = None

    # -- its life

    def start(self, initializer: Callable[..., object] | None = None, initargs: Iterable[Any] = ()) -> None:
        """Start the server in a process of its own.  Blocks until it listens.

        :param initializer: called in the server before anything else.
        :param initargs: its arguments.
        :raises StateError: if it was started, connected or shut down before.
        :raises TypeError: if the initializer cannot be called.
        :raises ValueError: if it has a context for TLS, which cannot be sent to another process.
        :raises BaseException: what the initializer raised, or the listening, such as :exc:`OSError`.
        """
        self._check_initial()
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if self._ssl is not None:
            raise ValueError("a context for TLS cannot be sent to a process that is started: use get_server()")
        served = (self._registry, self._address, self._authkey, self._nested)
        process, self._address = _child.start(self._ctx, type(self).__name__, served, initializer, initargs)
        child = _child.ServerProcess(process, self._shutdown_timeout)
        self._process, self._state = process, _STARTED
        self._link = remote_link(self._address, self._authkey)
        self._finalizer = weakref.finalize(self, _stop, child, at_exit(child.stop))
        self._finalizer.atexit = False

    def connect(self) -> None:
        """Use the server that listens at the address.  Blocks.

        :raises StateError: if it was started or shut down before.
        :raises ServerGone: if nobody listens there.
        :raises AuthenticationError: if the key is wrong.
        """
        if self._process is not None or self._state == _SHUTDOWN:
            self._check_initial()
        if self._ssl is not None:
            encrypt(self._address, self._ssl)
        link = remote_link(self._address, self._authkey)
        link.open()
        self._link, self._state = link, _STARTED

    def get_server(self) -> Server:
        """A server for this process; its ``serve_forever()`` serves.  It listens already.

        :raises StateError: if the manager was started or shut down before.
        :raises OSError: if it cannot listen at the address.
        """
        from processing_managers._server import Server

        self._check_initial()
        return Server(self._registry, self._address, self._authkey, self._ssl, self._nested)

    def serve_forever(self) -> None:
        """Serve from this process.  Blocks until Ctrl-C.

        :raises StateError: if the manager was started or shut down before.
        :raises OSError: if it cannot listen at the address.
        """
        server = self.get_server()
        self._address = server.address
        server.serve_forever()

    @classmethod
    def from_address(cls, address: Any, authkey: bytes | str | None = None, *, ssl: SSLContext | None = None) -> Self:
        """A manager that is connected to the server at this address.  Blocks.

        :raises ServerGone: if nobody listens there.
        :raises AuthenticationError: if the key is wrong.
        """
        manager = cls(address, authkey)
        manager._ssl = ssl  # a subclass's `__init__` need not know it
        manager.connect()
        return manager

    def shutdown(self) -> None:
        """End the server that this manager started.  Blocks until it has ended; a second call does nothing.

        :raises StateError: if it started none.
        """
        if self._process is None:
            raise StateError("this manager has not started a server")
        self._state = _SHUTDOWN
        self._finalizer()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the server that this manager started has ended.  Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        """
        if self._process is not None:
            self._process.join(timeout)

    @property
    def address(self) -> Any:
        """Where the server listens; ``None`` if that is not known yet."""
        return self._address

    def __enter__(self) -> Self:
        if self._state == _INITIAL:
            self.start()
        self._started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.shutdown()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        link = self._started()
        link.open()
        return _arrived, (type(self), self._address, link.sealed_key)

    # -- what it makes

    @classmethod
    def register(
        cls,
        typeid: str,
        callable: Callable[..., Any] | None = None,  # noqa: A002
        proxytype: Callable[..., Any] | None = None,
        exposed: Sequence[str] | None = None,
        method_to_typeid: Mapping[str, str] | None = None,
        create_method: bool = True,
    ) -> None:
        """Let managers of this class, and of classes that are derived from it later, make objects of a type.

        :param typeid: what the type is called, and the method that makes one.
        :param callable: makes an object in the server; ``None`` where managers only connect.
        :param proxytype: the class of its proxies; by default `AutoProxy`.
        :param exposed: the methods that proxies may call; by default the proxytype's ``_exposed_``, or all whose names
            do not begin with an underscore.
        :param method_to_typeid: which methods return objects that stay in the server, and their typeids; by default the
            proxytype's ``_method_to_typeid_``.
        :param create_method: make the method.
        """
        if "_registry" not in cls.__dict__:
            cls._registry = cls._registry.copy()
        proxytype = proxytype or AutoProxy
        names: Sequence[str] | None = exposed or getattr(proxytype, "_exposed_", None)
        methods = method_to_typeid or getattr(proxytype, "_method_to_typeid_", None) or {}
        cls._registry[typeid] = Entry(callable, tuple(names) if names else None, dict(methods), proxytype)
        if create_method:
            setattr(cls, typeid, _creator(typeid))

    def _create(self, typeid: str, /, *args: Any, **kwds: Any) -> tuple[Token, tuple[str, ...]]:
        """A new object in the server; the reference to it is the caller's."""
        ident, exposed = self._started().call(None, "create", (typeid, args, kwds), {})
        return Token(typeid, self._address, ident), exposed

    def _proxy(self, typeid: str, /, *args: Any, **kwds: Any) -> Any:
        """A proxy of a new object."""
        token, exposed = self._create(typeid, *args, **kwds)
        make = self._registry[typeid].proxytype
        return make(token, "pickle", manager=self, authkey=self._authkey, exposed=exposed, incref=False)

    def _number_of_objects(self) -> int:
        """How many objects the server keeps."""
        count: int = self._ask("number_of_objects")
        return count

    def _debug_info(self) -> str:
        """What the server keeps, a paragraph for each object."""
        text: str = self._ask("debug_info")
        return text

    def _ask(self, what: str) -> Any:
        """Ask the server about its objects, once it has heard of the proxies that were dropped here."""
        link = self._started()
        return link.call(None, what, (link.posted,), {})

    def _started(self) -> Link:
        if self._state != _STARTED or self._link is None:
            raise StateError(
                "the manager was shut down" if self._state == _SHUTDOWN else "the manager was not started or connected"
            )
        if self._link.abandoned:  # by a fork: this is the child
            self._link = remote_link(self._address, self._authkey)
        return self._link

    def _check_initial(self) -> None:
        if self._state == _STARTED:
            raise StateError("Already started server")
        if self._state == _SHUTDOWN:
            raise StateError("Manager has shut down")


def _creator(typeid: str) -> Callable[..., Any]:
    def create(self: BaseManager, /, *args: Any, **kwds: Any) -> Any:
        return self._proxy(typeid, *args, **kwds)

    create.__name__ = typeid
    return create


def _stop(child: _child.ServerProcess, unregister: Callable[[], object]) -> None:
    unregister()
    child.stop()


def _arrived(cls: type[BaseManager], address: Any, sealed_key: bytes) -> BaseManager:
    return cls.from_address(address, unseal(sealed_key))
