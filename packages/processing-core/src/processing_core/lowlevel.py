"""What the packages above use of this one; not for programs.

The kernel's handle types and what makes, packs and watches members; the exit functions; and where
those packages put what contexts offer.
"""

from processing_core._context import register_factory as register_factory
from processing_core._descriptors import Descriptor as Descriptor
from processing_core._descriptors import polled as polled
from processing_core._descriptors import readable as readable
from processing_core._exit import at_exit as at_exit
from processing_core._family import ensure_family as ensure_family
from processing_core._forks import keep_private as keep_private
from processing_core._forks import without_forks as without_forks
from processing_core._kernel import Block as Block
from processing_core._kernel import BoundedSemaphore as BoundedSemaphore
from processing_core._kernel import Claims as Claims
from processing_core._kernel import Condition as Condition
from processing_core._kernel import Event as Event
from processing_core._kernel import Handle as Handle
from processing_core._kernel import Lock as Lock
from processing_core._kernel import LockedScalar as LockedScalar
from processing_core._kernel import Parcel as Parcel
from processing_core._kernel import Queue as Queue
from processing_core._kernel import RLock as RLock
from processing_core._kernel import Scalar as Scalar
from processing_core._kernel import Semaphore as Semaphore
from processing_core._kernel import alive as alive
from processing_core._kernel import attach as attach
from processing_core._kernel import bury as bury
from processing_core._kernel import check as check
from processing_core._kernel import family as family
from processing_core._kernel import member as member
from processing_core._kernel import members as members
from processing_core._kernel import obituary as obituary
from processing_core._kernel import own_methods as own_methods
from processing_core._kernel import pack as pack
from processing_core._kernel import stats as stats
from processing_core._kernel import sweep as sweep
from processing_core._kernel import unpack as unpack
from processing_core._pickling import dumps as dumps
from processing_core._pickling import loads as loads
from processing_core._process import checked_timeout as checked_timeout

__all__ = [
    "Block",
    "BoundedSemaphore",
    "Claims",
    "Condition",
    "Descriptor",
    "Event",
    "Handle",
    "Lock",
    "LockedScalar",
    "Parcel",
    "Queue",
    "RLock",
    "Scalar",
    "Semaphore",
    "alive",
    "at_exit",
    "attach",
    "bury",
    "check",
    "checked_timeout",
    "dumps",
    "ensure_family",
    "family",
    "keep_private",
    "loads",
    "member",
    "members",
    "obituary",
    "own_methods",
    "pack",
    "polled",
    "readable",
    "register_factory",
    "stats",
    "sweep",
    "unpack",
    "without_forks",
]
