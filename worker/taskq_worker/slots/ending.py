"""How an attempt can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from taskq_kernel.messages import ErrorInfo
from taskq_worker.slots.frames import End


class NeverStarted(Enum):
    """The process ended before it took the task up."""

    NEVER_STARTED = auto()


@dataclass(frozen=True)
class Lost:
    """The process was ended from outside, by neither taskq nor the task's limits."""

    error: ErrorInfo


#: Julia's last frame; or why there is none; or that the task has to go to another process.
Ending = End | ErrorInfo | Lost | NeverStarted
