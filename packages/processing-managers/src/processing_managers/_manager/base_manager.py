"""`BaseManager`: objects that live in a process of their own, the server, and their proxies elsewhere."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType

from processing_core import BaseContext, Process, StateError
from processing_core.annotations import TYPE_CHECKING, Any, ClassVar, Literal, Self
from processing_core.lowlevel import added_attributes, at_exit, context_of, limit_named
from processing_managers._client.connect_options import encrypt, use_protocol
from processing_managers._client.link import Link
from processing_managers._client.links import remote_link
from processing_managers._manager.aliases import ManagerAliases
from processing_managers._manager.server_process import ServerProcess
from processing_managers._manager.state import State
from processing_managers._proxies.proxy import AutoProxy, Token
from processing_managers._server.registry import Entry, Registry
from processing_managers._wire.keys import checked_key, unseal
from processing_managers._wire.serializers import serializer_named

if TYPE_CHECKING:
    from ssl import SSLContext

    from processing_managers._server.server import Server

__all__ = ["BaseManager"]


class BaseManager(ManagerAliases):
    """Makes objects in a server, and proxies for them here.

    The types of its objects are registered with the class by :meth:`register`, or by `CreatorMethod`.  :meth:`start`
    starts a server, :meth:`connect` uses one that runs.  A manager is a context manager: it starts at the beginning and
    shuts down at the end.  When the manager and the proxies that it made are gone, or the program ends, the server
    ends; if the program is killed, the server is killed too.

    Process- and thread-safe.  A pickled manager is one that is connected to the same server.

    :param address: where the server listens: ``(host, port)``, or the name of a Unix socket; ``None`` for an address
        that no other process has.
    :param authkey: the key that server and clients must share, bytes or str; by default this process's.
    :param serializer: ``"pickle"``, or ``"xmlrpclib"`` so that neither side unpickles messages of the other: then every
        client must use it, and all objects in messages must be of the types that XML-RPC has, ``None`` and ``bytes``
        included.
    :param ctx: the context whose start method the server is started by.
    :param shutdown_timeout: seconds that the server has to end before it is killed.
    :param ssl: speak TLS: a server's context for a manager that serves by :meth:`get_server`, a client's for one that
        connects; it serves the proxies of this process and of its forked children, too.
    :param nested: have the server make managed objects of lists, dicts and sets that are put into managed lists and
        dicts, at every depth, so that a client can change what it fetches of them; for managers that make those, as
        `SyncManager`.
    :param protocol: the handshake that proves the key, as for `Listener` and `Client`: that of `processing`, or
        ``"multiprocessing"`` for a manager that serves, by :meth:`get_server`, clients which know only that library's
        handshake, or that connects to such a server. The messages after the handshake are this library's own in both
        cases.
    :raises ValueError: if there is no such serializer or protocol.

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
        protocol: Literal["processing", "multiprocessing"] = "processing",
    ) -> None:
        self._serializer = serializer_named(serializer)
        self._address = address
        if protocol not in ("processing", "multiprocessing"):
            raise ValueError(f"protocol must be 'processing' or 'multiprocessing', not {protocol!r}")
        self._authkey = checked_key(authkey)
        self._ctx = context_of(ctx, "ctx")
        self._shutdown_timeout = shutdown_timeout
        self._ssl, self._nested, self._protocol = ssl, nested, protocol
        self._state = State()
        self._link: Link | None = None
        self._process: Process | None = None

    # -- its life

    @limit_named()
    def start(self, initializer: Callable[..., object] | None = None, initargs: Iterable[Any] = ()) -> None:
        """Start the server in a process of its own.  Blocks until it listens.

        :param initializer: called in the server before anything else.
        :param initargs: its arguments.
        :raises StateError: if it was started, connected or shut down before.
        :raises TypeError: if the initializer cannot be called.
        :raises ValueError: if it has a context for TLS, which cannot be sent to another process, or another protocol.
        :raises BaseException: what the initializer raised, or the listening, such as :exc:`OSError`.
        """
        self._check_initial()
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if self._ssl is not None:
            raise ValueError("a context for TLS cannot be sent to a process that is started: use get_server()")
        if self._protocol != "processing":
            raise ValueError(f"protocol={self._protocol!r} is for servers of other programs' clients: use get_server()")
        served = (self._registry, self._address, self._authkey, self._nested, self._serializer.name)
        server = ServerProcess(self._ctx, type(self).__name__, served, initializer, initargs, self._shutdown_timeout)
        forget_exit: Callable[[], object] = bool
        try:
            address = server.start()
            link = remote_link(address, self._authkey, self._serializer)
            forget_exit = at_exit(server.stop)
            self._finalizer = weakref.finalize(self, _stop, server, forget_exit)
            self._finalizer.atexit = False
            self._server = server
            self._process, self._state.value, self._address, self._link = server.process, State.STARTED, address, link
        except BaseException:  # also of a signal handler
            forget_exit()
            server.stop()
            raise

    @limit_named()
    def connect(self) -> None:
        """Use the server that listens at the address.  Blocks.

        :raises StateError: if it was started or shut down before.
        :raises ServerGone: if no process listens there.
        :raises AuthenticationError: if the key is wrong.
        :raises ValueError: if the server has another serializer.
        """
        if self._process is not None or self._state.value == State.SHUTDOWN:
            self._check_initial()
        if self._ssl is not None:
            encrypt(self._address, self._ssl)
        use_protocol(self._address, self._protocol)
        link = remote_link(self._address, self._authkey, self._serializer)
        link.open()
        self._link, self._state.value = link, State.STARTED

    @limit_named()
    def get_server(self) -> Server:
        """A server for this process; its ``serve_forever()`` serves.  It listens already.

        :raises StateError: if the manager was started or shut down before.
        :raises OSError: if it cannot listen at the address.
        """
        from processing_managers._server.server import Server

        self._check_initial()
        return Server(
            self._registry,
            self._address,
            self._authkey,
            self._ssl,
            self._nested,
            self._protocol,
            self._serializer,
        )

    def serve_forever(self) -> None:
        """Serve from this process.  Blocks until Ctrl-C.

        :raises StateError: if the manager was started or shut down before.
        :raises OSError: if it cannot listen at the address.
        """
        server = self.get_server()
        self._address = server.address
        server.serve_forever()

    @classmethod
    def from_address(
        cls,
        address: Any,
        authkey: bytes | str | None = None,
        *,
        ssl: SSLContext | None = None,
        protocol: Literal["processing", "multiprocessing"] = "processing",
    ) -> Self:
        """A manager that is connected to the server at this address.  Blocks.

        :raises ServerGone: if no process listens there.
        :raises AuthenticationError: if the key is wrong.
        """
        manager = cls(address, authkey)
        manager._ssl, manager._protocol = ssl, protocol  # a subclass's `__init__` need not know them
        manager.connect()
        return manager

    def shutdown(self) -> None:
        """End the server that this manager started.  Blocks until it has ended; a second call does nothing.

        :raises StateError: if it started none.
        """
        if self._process is None:
            raise StateError("this manager has not started a server")
        self._state.value = State.SHUTDOWN
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
        if self._state.value == State.INITIAL:
            self.start()
        self._started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.shutdown()

    async def shutdown_async(self) -> None:
        """End the server that this manager started: `shutdown`, awaited in a task of an event loop.

        :raises StateError: if it started none.
        """
        process = self._process
        if process is not None and process.pid is not None and process.is_alive():
            self._server.ask_to_end()
            await process.join_async(self._shutdown_timeout)
        self.shutdown()

    async def __aenter__(self) -> Self:
        """As ``with``: starts the server, which blocks until it listens, unless it was started."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            await self.shutdown_async()

    def __reduce__(self) -> tuple[Any, ...]:
        link = self._started()
        link.open()
        args = (type(self), self._address, link.sealed_key, self._serializer.name, self._protocol)
        return _arrived, args, added_attributes(self, _OWN) or None

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
        return Token(typeid, self._address, ident), tuple(exposed)

    def _proxy(self, typeid: str, /, *args: Any, **kwds: Any) -> Any:
        """A proxy of a new object."""
        token, exposed = self._create(typeid, *args, **kwds)
        make = self._registry[typeid].proxytype
        return make(token, self._serializer.name, manager=self, authkey=self._authkey, exposed=exposed, incref=False)

    def _number_of_objects(self) -> int:
        """How many objects the server keeps."""
        count: int = self._ask("number_of_objects")
        return count

    def _debug_info(self) -> str:
        """What the server keeps, a paragraph for each object."""
        text: str = self._ask("debug_info")
        return text

    def _ask(self, what: str) -> Any:
        """Ask the server about its objects, after it has received the drops of this process's proxies."""
        link = self._started()
        return link.call(None, what, (link.control_messages_sent,), {})

    def _started(self) -> Link:
        if self._state.value != State.STARTED:
            ended = self._state.value == State.SHUTDOWN
            raise StateError("the manager was shut down" if ended else "the manager was not started or connected")
        if self._link is None:  # the program has set the state itself: it serves from a thread of this process
            self.connect()
            assert self._link is not None
        if self._link.abandoned:  # by a fork: this is the child
            self._link = remote_link(self._address, self._authkey, self._serializer)
        return self._link

    def _check_initial(self) -> None:
        if self._state.value == State.STARTED:
            raise StateError("Already started server")
        if self._state.value == State.SHUTDOWN:
            raise StateError("Manager has shut down")


def _creator(typeid: str) -> Callable[..., Any]:
    def create(self: BaseManager, /, *args: Any, **kwds: Any) -> Any:
        return self._proxy(typeid, *args, **kwds)

    create.__name__ = typeid
    return create


def _stop(child: ServerProcess, unregister: Callable[[], object]) -> None:
    unregister()
    child.stop()


_OWN = frozenset(  # attributes
    [
        "_address",
        "_authkey",
        "_serializer",
        "_ctx",
        "_shutdown_timeout",
        "_ssl",
        "_nested",
        "_protocol",
        "_state",
        "_link",
        "_process",
        "_server",
        "_finalizer",
    ]
)


def _arrived(
    cls: type[BaseManager],
    address: Any,
    sealed_key: bytes,
    serializer: str,
    protocol: Literal["processing", "multiprocessing"],
) -> BaseManager:
    manager = cls.__new__(cls)
    BaseManager.__init__(
        manager, address, unseal(sealed_key), serializer, protocol=protocol
    )  # a subclass's may have parameters of its own
    manager.connect()
    return manager
