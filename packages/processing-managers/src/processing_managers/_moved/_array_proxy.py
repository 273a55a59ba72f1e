"""For pickles of earlier versions: see :mod:`processing_managers._proxies.array_proxy`."""

from __future__ import annotations

from processing_managers._proxies.array_proxy import ArrayProxy as ArrayProxy
