"""For pickles of earlier versions: see :mod:`processing_managers._shared.value`."""

from __future__ import annotations

from processing_managers._shared.value import RawValue as RawValue
from processing_managers._shared.value import Value as Value
