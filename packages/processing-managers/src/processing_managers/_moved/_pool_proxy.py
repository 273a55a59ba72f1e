"""For pickles of earlier versions: see :mod:`processing_managers._proxies.pool_proxy`."""

from __future__ import annotations

from processing_managers._proxies.async_result_proxy import AsyncResultProxy as AsyncResultProxy
from processing_managers._proxies.pool_proxy import PoolProxy as PoolProxy
