"""For pickles of earlier versions: see :mod:`processing_core._fds.descriptors`."""

from __future__ import annotations

from processing_core._fds.descriptors import Descriptor as Descriptor
from processing_core._fds.descriptors import Lent as Lent
