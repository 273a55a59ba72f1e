"""For pickles of earlier versions: see :mod:`processing_managers._proxies.dict_proxy`."""

from __future__ import annotations

from processing_managers._proxies.dict_proxy import DictProxy as DictProxy
from processing_managers._proxies.iterator_proxy import IteratorProxy as IteratorProxy
from processing_managers._proxies.set_proxy import SetProxy as SetProxy
