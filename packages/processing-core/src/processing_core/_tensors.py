"""PyTorch's tensors: the memory of their storages goes out of band.

A tensor's own pickle, of whatever dtype, layout, strides or subclass, refers to its storage, and a storage's pickle is
what `torch.save` writes: bytes. So storages alone get a reducer. Tensors of one storage in one message still have
one storage at the receiver, because pickle remembers it.

A storage in shared memory stays shared: its descriptor is sent, as by `torch.multiprocessing`. Storages of other
devices than the CPU are pickled as ever.
"""

from __future__ import annotations

import os
import sys
from _pickle import PickleBuffer
from importlib import import_module

from processing_core._fds.descriptors import Descriptor, duplicate
from processing_core._libraries import Reducers
from processing_core.annotations import Any

__all__ = ["reducers"]


def reducers(torch: Any) -> Reducers | None:
    """The reducers of storages; ``None`` while PyTorch is being imported."""
    untyped = getattr(torch, "UntypedStorage", None)
    typed = getattr(torch, "TypedStorage", None)
    if untyped is None or typed is None or not hasattr(torch, "multiprocessing"):
        return None
    return {untyped: _reduce_untyped, typed: _reduce_typed, torch.Tensor: _reduce_tensor}


def _reduce_tensor(tensor: Any) -> Any:
    """As PyTorch does, whose own function does not take the storage that arrives for some types, such as uint16."""
    function, arguments, *rest = tensor.__reduce_ex__(5)
    v3 = getattr(_torch()._utils, "_rebuild_tensor_v3", None)
    if function is v3:
        return _tensor_v3, arguments, *rest
    if arguments and arguments[0] is v3:
        return function, (_tensor_v3, *arguments[1:]), *rest
    return function, arguments, *rest


def _reduce_typed(storage: Any) -> Any:
    if not _is_plain(storage._untyped_storage):
        return storage.__reduce_ex__(5)
    return _typed, (storage._untyped_storage, storage.dtype)


def _reduce_untyped(storage: Any) -> Any:
    if not _is_plain(storage):
        return storage.__reduce_ex__(5)
    if storage.nbytes() == 0:
        return type(storage), (0,)
    if storage.is_shared() and _torch().multiprocessing.get_sharing_strategy() == "file_descriptor":
        fd, size = storage._share_fd_cpu_()
        return _shared, (Descriptor.of(duplicate, fd), size)
    return _untyped, (PickleBuffer(_bytes_of(storage).numpy()),)


def _is_plain(storage: Any) -> bool:
    """Whether the storage is memory of this process, which NumPy's arrays can refer to."""
    return storage.device.type == "cpu" and "numpy" in sys.modules


def _bytes_of(storage: Any) -> Any:
    torch = _torch()
    return torch.empty(0, dtype=torch.uint8, device="cpu").set_(storage)


# -- at the receiver -------------------------------------------------------------------------------


def _untyped(buffer: Any) -> Any:
    torch = _torch()
    if memoryview(buffer).readonly:  # other tasks refer to it, and PyTorch has no tensors that forbid to be written to
        buffer = bytearray(buffer)
    return torch.frombuffer(buffer, dtype=torch.uint8).untyped_storage()


def _typed(untyped: Any, dtype: Any) -> Any:
    return _torch().TypedStorage(wrap_storage=untyped, dtype=dtype, _internal=True)


def _tensor_v3(storage: Any, *rest: Any) -> Any:
    torch = _torch()
    return torch._utils._rebuild_tensor_v3(_typed(storage, torch.uint8), *rest)


def _shared(descriptor: Descriptor, size: int) -> Any:
    fd = descriptor.detach()
    try:
        return _torch().UntypedStorage._new_shared_fd_cpu(fd, size)
    finally:
        os.close(fd)


def _torch() -> Any:
    return import_module("torch")  # which was imported: by the program, or by unpickling what refers to it
