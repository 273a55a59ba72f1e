"""What the packages above use of this one; not for programs.

The kernel's handle types and what makes, packs and watches members; the exit functions; and where
those packages put what contexts offer.
"""

from __future__ import annotations

import sys

from processing_core._context import DefaultContext as DefaultContext
from processing_core._context import ForkContext as ForkContext
from processing_core._context import ForkProcess as ForkProcess
from processing_core._context import ForkServerContext as ForkServerContext
from processing_core._context import ForkServerProcess as ForkServerProcess
from processing_core._context import SpawnContext as SpawnContext
from processing_core._context import SpawnProcess as SpawnProcess
from processing_core._context import register_factory as register_factory
from processing_core._context import register_loader as register_loader
from processing_core._descriptors import Descriptor as Descriptor
from processing_core._descriptors import Lent as Lent
from processing_core._descriptors import polled as polled
from processing_core._descriptors import readable as readable
from processing_core._excepthook import offer_excepthook as offer_excepthook
from processing_core._exit import at_exit as at_exit
from processing_core._exit import exiting as exiting
from processing_core._family import ensure_family as ensure_family
from processing_core._finalize import Finalize as Finalize
from processing_core._finalize import register_after_fork as register_after_fork
from processing_core._forks import keep_private as keep_private
from processing_core._forks import without_forks as without_forks
from processing_core._kernel import PIPE_BYTES as PIPE_BYTES
from processing_core._kernel import PIPE_MESSAGES as PIPE_MESSAGES
from processing_core._kernel import Block as Block
from processing_core._kernel import BoundedSemaphore as BoundedSemaphore
from processing_core._kernel import Claims as Claims
from processing_core._kernel import Condition as Condition
from processing_core._kernel import Ear as Ear
from processing_core._kernel import Event as Event
from processing_core._kernel import Handle as Handle
from processing_core._kernel import Lock as Lock
from processing_core._kernel import LockedScalar as LockedScalar
from processing_core._kernel import Parcel as Parcel
from processing_core._kernel import Pile as Pile
from processing_core._kernel import PipeEnd as PipeEnd
from processing_core._kernel import Queue as Queue
from processing_core._kernel import RLock as RLock
from processing_core._kernel import Scalar as Scalar
from processing_core._kernel import Semaphore as Semaphore
from processing_core._kernel import alive as alive
from processing_core._kernel import attach as attach
from processing_core._kernel import bell as bell
from processing_core._kernel import bury as bury
from processing_core._kernel import check as check
from processing_core._kernel import family as family
from processing_core._kernel import heed as heed
from processing_core._kernel import member as member
from processing_core._kernel import members as members
from processing_core._kernel import obituary as obituary
from processing_core._kernel import own_methods as own_methods
from processing_core._kernel import pack as pack
from processing_core._kernel import primitives as primitives
from processing_core._kernel import set_site_finder as set_site_finder
from processing_core._kernel import stats as stats
from processing_core._kernel import sweep as sweep
from processing_core._kernel import unpack as unpack
from processing_core._kernel import waiters as waiters
from processing_core._logging import debug as debug
from processing_core._logging import info as info
from processing_core._logging import sub_debug as sub_debug
from processing_core._logging import sub_warning as sub_warning
from processing_core._on_demand import on_demand as on_demand
from processing_core._pickling import dumps as dumps
from processing_core._pickling import loads as loads
from processing_core._pickling import path_to_culprit as path_to_culprit
from processing_core._process import BaseProcess as BaseProcess
from processing_core._process import checked_timeout as checked_timeout
from processing_core._reducers import ForkingPickler as ForkingPickler

if sys.version_info < (3, 13):
    from processing_core._errors import ShutDown as ShutDown

__all__ = [
    "PIPE_BYTES",
    "PIPE_MESSAGES",
    "BaseProcess",
    "Block",
    "BoundedSemaphore",
    "Claims",
    "Condition",
    "DefaultContext",
    "Descriptor",
    "Ear",
    "Event",
    "Finalize",
    "ForkContext",
    "ForkProcess",
    "ForkServerContext",
    "ForkServerProcess",
    "ForkingPickler",
    "Handle",
    "Lent",
    "Lock",
    "LockedScalar",
    "Parcel",
    "PipeEnd",
    "Pile",
    "Queue",
    "RLock",
    "Scalar",
    "Semaphore",
    "SpawnContext",
    "SpawnProcess",
    "alive",
    "at_exit",
    "attach",
    "bell",
    "bury",
    "check",
    "checked_timeout",
    "debug",
    "dumps",
    "ensure_family",
    "exiting",
    "family",
    "heed",
    "info",
    "keep_private",
    "loads",
    "member",
    "members",
    "obituary",
    "offer_excepthook",
    "on_demand",
    "own_methods",
    "pack",
    "path_to_culprit",
    "polled",
    "primitives",
    "readable",
    "register_after_fork",
    "register_factory",
    "register_loader",
    "set_site_finder",
    "stats",
    "sub_debug",
    "sub_warning",
    "sweep",
    "unpack",
    "waiters",
    "without_forks",
]
