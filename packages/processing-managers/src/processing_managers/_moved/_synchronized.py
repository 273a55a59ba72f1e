"""For pickles of earlier versions: see :mod:`processing_managers._shared.synchronized`."""

from __future__ import annotations

from processing_managers._shared.synchronized import Synchronized as Synchronized
from processing_managers._shared.synchronized import SynchronizedBase as SynchronizedBase
from processing_managers._shared.synchronized import _rebuilt as _rebuilt
