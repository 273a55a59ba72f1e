"""Objects of a manager that are not of builtin types: `Namespace` and values; and their proxies."""

from __future__ import annotations

from processing_core.annotations import Any, ClassVar, Generic, TypeVar
from processing_managers._proxies.proxy import BaseProxy

__all__ = ["ManagedValue", "Namespace", "NamespaceProxy", "ValueProxy"]

T = TypeVar("T")


class Namespace:
    """An object with attributes, and nothing else.

    >>> from processing_managers import Namespace
    >>> Namespace(x=1)
    Namespace(x=1)
    """

    def __init__(self, /, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def __repr__(self) -> str:
        shown = sorted(f"{name}={value!r}" for name, value in self.__dict__.items() if not name.startswith("_"))
        return f"{type(self).__name__}({', '.join(shown)})"


class NamespaceProxy(BaseProxy):
    """A `Namespace` in a manager's server; attributes that begin with an underscore are the proxy's own.

    A class that is derived from this can be the proxy type of any object whose attributes shall be read and set.
    """

    _exposed_: ClassVar[tuple[str, ...] | None] = ("__getattribute__", "__setattr__", "__delattr__")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self._callmethod("__getattribute__", (name,))

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self._callmethod("__setattr__", (name, value))

    def __delattr__(self, name: str) -> None:
        if name.startswith("_"):
            object.__delattr__(self, name)
        else:
            self._callmethod("__delattr__", (name,))


class ManagedValue:
    """The referent of a manager's ``Value``."""

    def __init__(self, typecode: Any, value: Any, lock: bool = True) -> None:
        self._typecode = typecode
        self.value = value

    def get(self) -> Any:
        """The value."""
        return self.value

    def set(self, value: Any) -> None:
        """Set it."""
        self.value = value

    def __repr__(self) -> str:
        return f"Value({self._typecode!r}, {self.value!r})"


class ValueProxy(BaseProxy, Generic[T]):
    """A value in a manager's server; each reading or setting is one call."""

    _exposed_: ClassVar[tuple[str, ...] | None] = ("get", "set")

    def get(self) -> T:
        """The value."""
        result: T = self._callmethod("get")
        return result

    def set(self, value: T) -> None:
        """Set it."""
        self._callmethod("set", (value,))

    @property
    def value(self) -> T:
        """The value."""
        return self.get()

    @value.setter
    def value(self, value: T) -> None:
        self.set(value)
