"""The names of ``typing``, for checkers; at run time, stand-ins for those that a module cannot do without.

Importing ``typing`` takes 6 ms, a fifth of importing all that a program needs to start a process.  Annotations are not
evaluated here (``from __future__ import annotations``), so what must exist is what stands outside of annotations: base
classes, decorators and type variables.  A class that is generic can be subscribed, as the builtin ones can.

So is `signal`: at run time it is the module in C below it.  It has no enumerations, whose module takes 3 ms: there
numbers and handlers are integers, and no `Signals`.
"""

TYPE_CHECKING = False

if TYPE_CHECKING:
    import signal as signal
    from typing import IO as IO
    from typing import Any as Any
    from typing import ClassVar as ClassVar
    from typing import Concatenate as Concatenate
    from typing import Final as Final
    from typing import Generic as Generic
    from typing import Literal as Literal
    from typing import NamedTuple as NamedTuple
    from typing import NoReturn as NoReturn
    from typing import ParamSpec as ParamSpec
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import SupportsIndex as SupportsIndex
    from typing import TypeAlias as TypeAlias
    from typing import TypedDict as TypedDict
    from typing import TypeVar as TypeVar
    from typing import TypeVarTuple as TypeVarTuple
    from typing import Unpack as Unpack
    from typing import cast as cast
    from typing import final as final
    from typing import overload as overload
else:
    import _signal as signal  # noqa: F401
    from types import GenericAlias

    def overload(function):
        return function

    def final(decorated):
        return decorated

    def cast(_, value):
        return value

    class _Name:
        """A name that only annotations and checkers look into."""

        def __init__(self, name, *_, **__):
            self.__name__ = name
            self.args = self.kwargs = self

        def __getitem__(self, _):
            return self

        def __or__(self, _):
            return self

        __ror__ = __or__

        def __iter__(self):  # *Ts
            yield self

        def __repr__(self):
            return self.__name__

    TypeVar = TypeVarTuple = ParamSpec = _Name
    Any = _Name("Any")
    ClassVar = _Name("ClassVar")
    Concatenate = _Name("Concatenate")
    Final = _Name("Final")
    IO = _Name("IO")
    Literal = _Name("Literal")
    NoReturn = _Name("NoReturn")
    Self = _Name("Self")
    SupportsIndex = _Name("SupportsIndex")
    TypeAlias = _Name("TypeAlias")
    Unpack = _Name("Unpack")

    class Generic:
        __slots__ = ()
        __class_getitem__ = classmethod(GenericAlias)

    class Protocol(Generic):
        __slots__ = ()

    class TypedDict(dict):
        def __init_subclass__(cls, total=True):
            pass

    class _NamedFields(tuple):
        """What named tuples have; `collections.namedtuple` compiles a function for each, which takes 0.1 ms."""

        __slots__ = ()
        _fields = ()
        _field_defaults = {}

        def __new__(cls, /, *values, **named):
            if named or len(values) != len(cls._fields):
                values = cls._completed(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _completed(cls, values, named):
            given = dict(zip(cls._fields, values, strict=False))
            unknown = [name for name in named if name in given or name not in cls._fields]
            missing = [name for name in cls._fields if name not in {**cls._field_defaults, **given, **named}]
            if len(values) > len(cls._fields) or unknown or missing:
                wanted = ", ".join(cls._fields)
                raise TypeError(f"{cls.__name__} has the fields {wanted}; got {len(values)} values, and {named}")
            all_of_them = {**cls._field_defaults, **given, **named}
            return [all_of_them[name] for name in cls._fields]

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, /, **named):
            return type(self)(**{**self._asdict(), **named})

        __replace__ = _replace

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

        def __getnewargs__(self):
            return tuple(self)

    class _NamedTupleType(type):
        def __new__(cls, name, bases, namespace):
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            from collections import _tuplegetter

            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace[field] for field in fields if field in namespace}
            namespace.update(_fields=fields, _field_defaults=defaults, __match_args__=fields, __slots__=())
            for place, field in enumerate(fields):
                namespace[field] = _tuplegetter(place, f"Alias for field number {place}")
            return type(name, (_NamedFields,), namespace)

    class NamedTuple(metaclass=_NamedTupleType):
        pass
