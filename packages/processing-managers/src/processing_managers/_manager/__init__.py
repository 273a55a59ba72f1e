"""Managers: what starts a server, or connects to one, and makes objects in it."""

from __future__ import annotations

from processing_managers._manager.base_manager import _arrived as _arrived  # under this name in pickles of managers
