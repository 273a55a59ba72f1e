"""For pickles of earlier versions: see :mod:`processing_managers._manager.sync_manager`."""

from __future__ import annotations

from processing_managers._manager.sync_manager import SyncManager as SyncManager
