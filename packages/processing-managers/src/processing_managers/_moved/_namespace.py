"""For pickles of earlier versions: see :mod:`processing_managers._proxies.namespace`."""

from __future__ import annotations

from processing_managers._proxies.namespace import Namespace as Namespace
from processing_managers._proxies.namespace import NamespaceProxy as NamespaceProxy
from processing_managers._proxies.namespace import ValueProxy as ValueProxy
