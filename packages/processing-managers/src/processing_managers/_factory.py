"""What contexts offer of managers, without importing them before they are wanted."""

from __future__ import annotations

from processing_core import BaseContext
from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import limit_named

if TYPE_CHECKING:
    from processing_managers._manager.sync_manager import SyncManager

__all__ = ["make_manager"]


def make_manager(*, nested: bool = False, context: BaseContext | None = None) -> SyncManager:
    """`Manager`."""
    with limit_named():  # for an import opens files
        from processing_managers._manager.sync_manager import Manager

    return Manager(nested=nested, context=context)
