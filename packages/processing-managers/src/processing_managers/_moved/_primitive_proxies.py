"""For pickles of earlier versions: see :mod:`processing_managers._proxies.primitive_proxies`."""

from __future__ import annotations

from processing_managers._proxies.primitive_proxies import AcquirerProxy as AcquirerProxy
from processing_managers._proxies.primitive_proxies import BarrierProxy as BarrierProxy
from processing_managers._proxies.primitive_proxies import ConditionProxy as ConditionProxy
from processing_managers._proxies.primitive_proxies import EventProxy as EventProxy
from processing_managers._proxies.primitive_proxies import QueueProxy as QueueProxy
