"""What the packages above use of this one; not for programs.

The kernel's handle types and what makes, packs and watches members; the exit functions; and where
those packages put what contexts offer.
"""

from processing_core._context import register_factory as register_factory
from processing_core._descriptors import Descriptor as Descriptor
from processing_core._descriptors import readable as readable
from processing_core._exit import at_exit as at_exit
from processing_core._family import ensure_family as ensure_family
from processing_core._forks import keep_private as keep_private
from processing_core._forks import without_forks as without_forks
from processing_core._native import _kernel
from processing_core._pickling import dumps as dumps
from processing_core._pickling import loads as loads
from processing_core._process import checked_timeout as checked_timeout

__all__ = [
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
    "readable",
    "register_factory",
    "stats",
    "sweep",
    "unpack",
    "without_forks",
]

BoundedSemaphore = _kernel.BoundedSemaphore
Claims = _kernel.Claims
Condition = _kernel.Condition
Event = _kernel.Event
Handle = _kernel.Handle
Lock = _kernel.Lock
LockedScalar = _kernel.LockedScalar
RLock = _kernel.RLock
Scalar = _kernel.Scalar
Semaphore = _kernel.Semaphore
Parcel = _kernel.Parcel
Queue = _kernel.Queue

alive = _kernel.alive
attach = _kernel.attach
bury = _kernel.bury
check = _kernel.check
family = _kernel.family
member = _kernel.member
members = _kernel.members
obituary = _kernel.obituary
own_methods = _kernel.own_methods
pack = _kernel.pack
stats = _kernel.stats
sweep = _kernel.sweep
unpack = _kernel.unpack
