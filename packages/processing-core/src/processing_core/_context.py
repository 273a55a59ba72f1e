"""Contexts: the API bound to a start method, for programs that use several.

Shared objects do not depend on contexts here; a lock made in one works in every process of the
family.  What the packages above offer in a context, they register: see :func:`register_factory`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Container, Iterable

from processing_core import _current, _errors, _logging, _main_module
from processing_core._fds.descriptors import limit_named
from processing_core._process import UNGUARDED, BaseProcess
from processing_core._start import _default, _frozen, _settings
from processing_core._start._methods import check
from processing_core._start._select import prepare, start_method
from processing_core.annotations import TYPE_CHECKING, Any, ClassVar, Literal, overload

if TYPE_CHECKING:
    import logging
    import os

    from processing_core._current import ParentProcess
    from processing_core._start._child import Child

__all__ = [
    "BaseContext",
    "DefaultContext",
    "ForkContext",
    "ForkProcess",
    "ForkServerContext",
    "ForkServerProcess",
    "Process",
    "SpawnContext",
    "SpawnProcess",
    "allow_connection_pickling",
    "concrete_contexts",
    "default_context",
    "force_start_method",
    "get_all_start_methods",
    "get_context",
    "get_start_method",
    "prepare_start",
    "register_factory",
    "register_loader",
    "set_start_method",
]

_factories: dict[str, tuple[Callable[..., Any], bool]] = {}
_loaders: list[tuple[Callable[[str], object], Container[str]]] = []


def register_factory(name: str, factory: Callable[..., Any], *, takes_context: bool = False) -> None:
    """Let contexts offer ``factory`` as their attribute ``name``.

    :param takes_context: call ``factory`` with the context as the keyword argument ``context``.
    """
    _factories[name] = (factory, takes_context)


def register_loader(loader: Callable[[str], object], names: Container[str]) -> None:
    """Call ``loader`` with a name that a context is asked for and does not have; it imports what registers that one.

    :param names: those that it is called with.
    """
    _loaders.append((loader, names))


class Process(BaseProcess):
    __doc__ = BaseProcess.__doc__

    _start_method: ClassVar[str | None] = None

    def _launch(self) -> Child:
        return start_method(self._start_method or _default.present())(self)

    def _start_method_in_child(self) -> str | None:
        return self._start_method


_Process = Process  # which a context's attribute of that name hides


class ForkProcess(Process):
    """A process that is started by ``fork``, whatever the default."""

    _start_method = "fork"


class SpawnProcess(Process):
    """A process that is started by ``spawn``, whatever the default."""

    _start_method = "spawn"


class ForkServerProcess(Process):
    """A process that is started by ``forkserver``, whatever the default."""

    _start_method = "forkserver"


class BaseContext:
    """The API, bound to a start method."""

    ProcessError = _errors.ProcessError
    BufferTooShort = _errors.BufferTooShort
    TimeoutError = _errors.TimeoutError
    AuthenticationError = _errors.AuthenticationError

    Process: ClassVar[type[_Process]] = Process
    _name: ClassVar[str | None] = None

    current_process: ClassVar[staticmethod[[], BaseProcess]] = staticmethod(_current.current_process)
    parent_process: ClassVar[staticmethod[[], ParentProcess | None]] = staticmethod(_current.parent_process)
    active_children: ClassVar[staticmethod[[], list[BaseProcess]]] = staticmethod(_current.active_children)
    currentProcess = current_process
    activeChildren = active_children

    freeze_support: ClassVar[staticmethod[[], None]] = staticmethod(_frozen.freeze_support)
    freezeSupport = freeze_support
    get_logger: ClassVar[staticmethod[[], logging.Logger]] = staticmethod(_logging.get_logger)
    getLogger: ClassVar[staticmethod[[], logging.Logger | None]] = staticmethod(_logging.getLogger)

    @staticmethod
    def set_executable(executable: str | bytes | os.PathLike[str] | os.PathLike[bytes] | None) -> None:
        """As :func:`processing_core.set_executable`."""
        _settings.set_executable(executable)

    @staticmethod
    def set_forkserver_preload(
        module_names: Iterable[str], *, on_error: Literal["ignore", "warn", "fail"] = "ignore"
    ) -> None:
        """As :func:`processing_core.set_forkserver_preload`."""
        _settings.set_forkserver_preload(module_names, on_error=on_error)

    @staticmethod
    def allow_connection_pickling() -> None:
        """Do nothing: connections and sockets can be sent to other processes without it."""

    @staticmethod
    def log_to_stderr(level: int | str | None = None) -> logging.Logger:
        """As :func:`processing_core.log_to_stderr`."""
        return _logging.log_to_stderr(level)

    @staticmethod
    def enableLogging(
        level: int,
        HandlerType: Callable[..., logging.Handler] | None = None,
        handlerArgs: Iterable[Any] = (),
        format: str | None = None,  # noqa: A002
    ) -> None:
        """As :func:`processing_core.enableLogging`."""
        _logging.enableLogging(level, HandlerType, handlerArgs, format)

    def cpu_count(self) -> int:
        """The number of CPUs of this machine.

        :raises NotImplementedError: if it cannot be found out.
        """
        return _current.cpu_count()

    cpuCount = cpu_count

    @property
    def reducer(self) -> Any:
        """What pickles objects for other processes: :mod:`processing.reduction`, or what a program set here.

        Of what is set, which may be a class or object derived from `processing.reduction.AbstractReducer`, the class
        ``ForkingPickler`` pickles whatever goes to other processes from then on, whichever context starts them.

        :raises AttributeError: if what is set has no ``ForkingPickler``.
        :raises TypeError: if that is no class derived from `pickle.Pickler`.
        """
        from processing_core import _reducer  # here, for few programs ask for it

        return _reducer.get()

    @reducer.setter
    def reducer(self, reduction: Any) -> None:

        from processing_core import _reducer

        _reducer.use(reduction)

    def get_context(self, method: str | None = None) -> BaseContext:
        """The context of a start method.

        :param method: ``fork``, ``spawn`` or ``forkserver``; ``None`` for this context.
        :raises ValueError: if this platform has no such method.
        """
        return self if method is None else concrete_contexts[check(method)]

    @overload
    def get_start_method(self, allow_none: Literal[False] = False) -> str: ...
    @overload
    def get_start_method(self, allow_none: bool) -> str | None: ...
    def get_start_method(self, allow_none: bool = False) -> str | None:
        """The name of this context's start method."""
        return _refuse_standard_executor(self._name)

    def set_start_method(self, method: str | None, force: bool = False) -> None:
        """Refuse: a context keeps its method.

        :raises ValueError: always.
        """
        raise ValueError("cannot set start method of concrete context")

    def __getattr__(self, name: str) -> Any:
        try:
            factory, takes_context = _factory(name)
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}; where a package of "
                "this project offers it, import that package (or `processing`) first"
            ) from None
        return functools.partial(factory, context=self) if takes_context else factory

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self) in _standard:
            return _context_of, (self._name,)
        return _context_of_class, (type(self),), vars(self) or None

    # Libraries that are given a context look whether it is one of multiprocessing's (PyTorch's DataLoader, loguru):
    # ``isinstance(context, multiprocessing.context.BaseContext)``.  Where the type itself is not derived from the
    # class, ``isinstance`` asks the object for its ``__class__``, as it does of any proxy.
    __class__ = property(lambda self: _class_to_others(type(self)))


def _class_to_others(cls: type[BaseContext]) -> type[BaseContext]:
    """What a context of this class calls its class: one that is multiprocessing's too, if a program has loaded that."""
    theirs = getattr(sys.modules.get("multiprocessing.context"), "BaseContext", None)
    if theirs is None or issubclass(cls, theirs):
        return cls
    if cls not in _derived:
        _derived[cls] = type(cls.__name__, (cls, theirs), {"__module__": cls.__module__, "__doc__": cls.__doc__})
    return _derived[cls]


_derived: dict[type[BaseContext], type[BaseContext]] = {}


def _factory(name: str) -> tuple[Callable[..., Any], bool]:
    if name not in _factories and not name.startswith("_"):
        with limit_named():  # for the first import of a package
            for loader, names in _loaders:  # a loader may append others
                if name in names:
                    loader(name)
    return _factories[name]


class ForkContext(BaseContext):
    """The API with the start method ``fork``."""

    Process: ClassVar[type[_Process]] = ForkProcess
    _name = "fork"


class SpawnContext(BaseContext):
    """The API with the start method ``spawn``."""

    Process: ClassVar[type[_Process]] = SpawnProcess
    _name = "spawn"


class ForkServerContext(BaseContext):
    """The API with the start method ``forkserver``."""

    Process: ClassVar[type[_Process]] = ForkServerProcess
    _name = "forkserver"


class DefaultContext(BaseContext):
    """The API with the start method that the program sets."""

    def get_context(self, method: str | None = None) -> BaseContext:
        """The context of a start method.

        :param method: ``fork``, ``spawn`` or ``forkserver``; ``None`` for the present default,
            which is settled by this.
        :raises ValueError: if this platform has no such method.
        """
        return super().get_context(self.get_start_method() if method is None else method)

    @overload
    def get_start_method(self, allow_none: Literal[False] = False) -> str: ...
    @overload
    def get_start_method(self, allow_none: bool) -> str | None: ...
    def get_start_method(self, allow_none: bool = False) -> str | None:
        """The name of the start method.

        :param allow_none: return ``None`` if none was set; otherwise the default is settled by
            this.
        """
        if _default.get() is None and not allow_none:
            _default.force(_default.present())
        return _refuse_standard_executor(_default.get())

    def set_start_method(self, method: str | None, force: bool = False) -> None:
        """Set the start method of the program; once, at its beginning.

        :param method: ``fork``, ``spawn`` or ``forkserver``; ``None``, with ``force``, for none.
        :param force: set it although it was settled before.
        :raises RuntimeError: if it was settled before.
        :raises ValueError: if this platform has no such method.
        """
        if _default.get() is not None and not force:
            if _main_module.loading():
                raise RuntimeError(UNGUARDED.format(what="The start method was set"))
            raise RuntimeError("context has already been set")
        if method is None and force:
            _default.force(None)
        else:
            _default.force(check(str(method)))

    def get_all_start_methods(self) -> list[str]:
        """The start methods of this platform, the default first."""
        return _default.methods()


def prepare_start(context: BaseContext) -> None:
    """Begin what takes long before the first start in this context; the start itself waits for it.

    It does nothing where a start will be refused, because the main module is being loaded for a child.

    :raises OSError: if the system refuses.
    """
    if not _main_module.loading():
        prepare(context.get_start_method(allow_none=True) or _default.present())


concrete_contexts: dict[str, BaseContext] = {
    "fork": ForkContext(),
    "spawn": SpawnContext(),
    "forkserver": ForkServerContext(),
}
default_context: DefaultContext = DefaultContext()


# The default context's methods, as the functions that the package offers.


def get_context(method: str | None = None) -> BaseContext:
    """The context of a start method.

    :param method: ``fork``, ``spawn`` or ``forkserver``; ``None`` for the present default, which is
        settled by this.
    :raises ValueError: if this platform has no such method.
    """
    return default_context.get_context(method)


@overload
def get_start_method(allow_none: Literal[False] = False) -> str: ...
@overload
def get_start_method(allow_none: bool) -> str | None: ...
def get_start_method(allow_none: bool = False) -> str | None:
    """The name of the start method.

    :param allow_none: return ``None`` if none was set; otherwise the default is settled by this.
    """
    return default_context.get_start_method(allow_none)


def set_start_method(method: str | None, force: bool = False) -> None:
    """Set the start method of the program; once, at its beginning.

    :param method: ``fork``, ``spawn`` or ``forkserver``; ``None``, with ``force``, for none.
    :param force: set it although it was settled before.
    :raises RuntimeError: if it was settled before.
    :raises ValueError: if this platform has no such method.
    """
    default_context.set_start_method(method, force)


def get_all_start_methods() -> list[str]:
    """The start methods of this platform, the default first."""
    return default_context.get_all_start_methods()


def allow_connection_pickling() -> None:
    """Do nothing: connections and sockets can be sent to other processes without it."""


def force_start_method(method: str) -> None:
    """Set the start method of the program, although it may be settled; for ``multiprocessing``'s own tests.

    :raises ValueError: if this platform has no such method.
    """
    _default.force(check(method))


_standard = {type(context) for context in (default_context, *concrete_contexts.values())}


def _context_of_class(cls: type[BaseContext]) -> BaseContext:
    """A context of a program's own class."""
    return cls.__new__(cls)


def _context_of(name: str | None) -> BaseContext:
    return default_context if name is None else concrete_contexts[name]


_STANDARD_EXECUTOR = "concurrent.futures.process"


def _refuse_standard_executor(method: str | None, depth: int = 2) -> str | None:
    """A context's start method, unless the standard library's ``ProcessPoolExecutor`` asks for it.

    That one gives ``multiprocessing``'s queues, which only ``multiprocessing``'s processes can be started with, to the
    processes of the context; without a word here the first task would fail, and not say why.

    :param depth: how many calls above this one the asker is.
    :raises TypeError: if it asks.
    """
    asker = sys._getframe(depth).f_globals
    queue = asker.get("Queue") if asker.get("__name__") == _STANDARD_EXECUTOR else None
    if getattr(queue, "__module__", "") == "multiprocessing.queues":
        raise TypeError(
            "concurrent.futures.ProcessPoolExecutor can start processes of multiprocessing's contexts only: for one of "
            "processing's take processing.ProcessPoolExecutor, which has the same methods"
        )
    return method
