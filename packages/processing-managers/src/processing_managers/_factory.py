"""What contexts offer of managers, without importing them before they are wanted."""

from __future__ import annotations

from processing_core import BaseContext
from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from processing_managers._sync_manager import SyncManager

__all__ = ["make_manager"]


def make_manager(*, nested: bool = False, context: BaseContext | None = None) -> SyncManager:
    """`Manager`."""
    from processing_managers._sync_manager import Manager

    return Manager(nested=nested, context=context)
