"""The seam below a pool, for engines that run its tasks in another way, and for tests.

The tasks of a subclass of `Pool` are run by the `TaskChannel` that its ``_channel`` returns.  These names may change in
any version.
"""

from __future__ import annotations

from processing_pool._engine.job import Job as Job
from processing_pool._engine.job_table import JobTable as JobTable
from processing_pool._engine.task_channel import Call as Call
from processing_pool._engine.task_channel import ChannelOwner as ChannelOwner
from processing_pool._engine.task_channel import PackedFunction as PackedFunction
from processing_pool._engine.task_channel import Resendable as Resendable
from processing_pool._engine.task_channel import TaskChannel as TaskChannel
from processing_pool._messages import CALLS as CALLS
from processing_pool._messages import CANCELLED as CANCELLED
from processing_pool._messages import TIMED_OUT as TIMED_OUT
from processing_pool._messages import Death as Death
from processing_pool._messages import Failure as Failure
from processing_pool._messages import Row as Row
from processing_pool._messages import failure_of as failure_of
from processing_pool._outcomes import raised_by_iterator as raised_by_iterator
from processing_pool._platform import OutOfMemory as OutOfMemory
from processing_pool._platform import resident as resident
from processing_pool._platform import usable_cpus as usable_cpus
from processing_pool._platform._linux import control_groups as control_groups
from processing_pool._platform._linux import quotas as quotas

__all__ = [
    # A channel.
    "Call",
    "ChannelOwner",
    "Job",
    "JobTable",
    "PackedFunction",
    "Resendable",
    "Row",
    "TaskChannel",
    # Outcomes other than values.
    "CALLS",
    "CANCELLED",
    "TIMED_OUT",
    "Death",
    "Failure",
    "failure_of",
    "raised_by_iterator",
    # What the system lets a pool have.
    "OutOfMemory",
    "control_groups",
    "quotas",
    "resident",
    "usable_cpus",
]
