"""State shared between processes: values, arrays, memory, and objects behind managers.

Programs import `processing`, which offers all of this and more.
"""

from processing_core.lowlevel import register_factory as _register_factory
from processing_managers._array import Array as Array
from processing_managers._array import RawArray as RawArray
from processing_managers._value import RawValue as RawValue
from processing_managers._value import Value as Value

__all__ = ["Value", "RawValue", "Array", "RawArray"]

for _name in __all__:
    globals()[_name].__module__ = __name__
    _register_factory(_name, globals()[_name])
