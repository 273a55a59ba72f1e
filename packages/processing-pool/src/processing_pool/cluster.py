"""Pools and shared objects on several machines, which an engine has joined: Dask, or Ray.

>>> from processing import cluster
>>> with cluster.connect("tls://scheduler:8786", security=files) as machines:  # doctest: +SKIP
...     with machines.Pool() as pool:
...         pool.map(abs, [-1, 2])
[1, 2]
"""

from __future__ import annotations

import importlib

from processing_core.annotations import Any
from processing_core.lowlevel import checked_timeout
from processing_pool._backends.cluster import Cluster as Cluster
from processing_pool._backends.cluster import ClusterLost as ClusterLost
from processing_pool._backends.cluster import Event as Event
from processing_pool._backends.cluster import Lock as Lock
from processing_pool._backends.cluster import Queue as Queue
from processing_pool._backends.cluster import Semaphore as Semaphore
from processing_pool._backends.cluster import Value as Value

__all__ = ["connect", "Cluster", "ClusterLost", "Queue", "Lock", "Semaphore", "Event", "Value"]


def connect(address: str, *, security: Any = None, insecure: bool = False, timeout: float = 10.0) -> Cluster:
    """Connect to a cluster's scheduler.  Blocks until it has answered.

    A program that reaches a scheduler can run any code on its workers. So a connection in a network must be encrypted,
    and both sides show certificates.

    :param address: ``tls://host:port`` or ``tcp://host:port`` of a Dask scheduler, or ``ray://host:port``.
    :param security: for ``tls://``: a dictionary of files, ``{"ca": ..., "cert": ..., "key": ...}``, in PEM format, or
        a ``distributed.Security``.
    :param insecure: whether a connection to another machine may be without encryption.
    :param timeout: seconds that the scheduler has to answer.
    :raises ValueError: if the address is none, or not encrypted and of another machine, or ``tls://`` without security.
    :raises TimeoutError: if there is no scheduler, or it does not answer in time.
    :raises ImportError: if the engine is not installed, or the workers have another Python or another version of this
        distribution; the message names both.
    """
    seconds = checked_timeout(timeout)
    scheme, separator, rest = address.partition("://")
    engine = _ENGINES.get(scheme) if separator and rest else None
    if engine is None:
        schemes = ", ".join(f"{name}://" for name in _ENGINES)
        raise ValueError(f"the address must begin with one of {schemes}: {address!r}")
    if scheme == "tls" and security is None:
        raise ValueError("tls:// needs security=: the files of this side's certificates")
    if scheme != "tls" and not insecure and not _is_here(rest):
        raise ValueError(
            f"{address} is not encrypted: any program in that network could run code on the workers; "
            "use tls:// with security=, or insecure=True if the network is closed to others"
        )
    module, extra = engine
    try:
        connector = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(f"{error}; it comes with `pip install processing-pool[{extra}]`") from error
    cluster: Cluster = connector.connect(address, security, 10.0 if seconds is None else seconds)
    return cluster


_ENGINES = {
    "tls": ("processing_pool._backends.dask_cluster", "dask"),
    "tcp": ("processing_pool._backends.dask_cluster", "dask"),
    "ray": ("processing_pool._backends.ray_cluster", "ray"),
}


def _is_here(rest: str) -> bool:
    import ipaddress

    host = rest.rpartition("@")[2].partition("/")[0]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
