"""A sweep of calls so short that what taskq does for each of them shows, of two kinds."""

from __future__ import annotations

import time
from dataclasses import dataclass

from taskq_kernel.client.client import Client

#: So many calls, each of so many seconds.
CALLS, CALL_S = 500, 0.005


@dataclass(frozen=True)
class Kind:
    """What a call does until its time is over."""

    name: str
    code: str


#: It occupies its core: where there is none to spare, it and taskq take the time from each other.
COMPUTING = Kind("compute", "spin(i; seconds) = (till = time_ns() + 1e9seconds; while time_ns() < till; end; i)")
#: It waits outside of Julia, as for a disk or a server, and leaves the core to others.
WAITING = Kind("wait outside of Julia", "rest(i; seconds) = (Libc.systemsleep(seconds); i)")


def warm(q: Client, kind: Kind, slots: int) -> None:
    """Have every slot compile it."""
    q.define(kind.code).map(range(2 * slots), seconds=0.05).wait(progress=False)


def sweep_s(q: Client, kind: Kind) -> float:
    """How long the calls take from their submission to the end of the last one, in seconds."""
    began = time.time()
    b = q.define(kind.code).map(range(CALLS), seconds=CALL_S).wait(progress=False)
    return float(b.frame(values=False)["finished_at"].max().timestamp()) - began
