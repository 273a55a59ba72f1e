"""For pickles of earlier versions: see :mod:`processing_managers._proxies.list_proxy`."""

from __future__ import annotations

from processing_managers._proxies.list_proxy import ListProxy as ListProxy
