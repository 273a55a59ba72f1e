"""For pickles of earlier versions: see :mod:`processing_managers._proxies.proxy`."""

from __future__ import annotations

from processing_managers._proxies.proxy import AutoProxy as AutoProxy
from processing_managers._proxies.proxy import BaseProxy as BaseProxy
from processing_managers._proxies.proxy import RebuildProxy as RebuildProxy
from processing_managers._proxies.proxy import Token as Token
