"""For programs of earlier versions that look at the links: see :mod:`processing_managers._client.links`."""

from __future__ import annotations

from processing_managers._client.links import _links

_State = _links
