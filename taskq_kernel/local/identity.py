"""Which process is which.

A pid says little by itself, since the kernel gives it out again. A process is known here by
its pid, by when it started, and by the boot of the machine (and, in containers, the pid
namespace) on which both mean something. What a process has started is found through the
session that it leads.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """A process, told apart from all others that had or will have its pid.

    Attributes
    ----------
    pid : int
        Its pid, and its session's.
    started : int
        When it started, in clock ticks after the machine's boot.
    place : str
        The boot of the machine, and the pid namespace, in which the pid means something.
    """

    pid: int
    started: int
    place: str


@dataclass(frozen=True)
class _Stat:
    """What ``/proc/<pid>/stat`` says of a process."""

    state: str
    session: int
    started: int

    @property
    def alive(self) -> bool:
        return self.state not in "ZX"  # a zombie has ended, it only waits for its parent


def identify(pid: int) -> Identity | None:
    """The identity of a running process; None if there is none with this pid."""
    stat = _stat(pid)
    return Identity(pid, stat.started, _place()) if stat is not None and stat.alive else None


def identify_child(pid: int) -> Identity:
    """The identity of a child that nobody has waited for yet, even if it has ended already."""
    stat = _stat(pid)
    return Identity(pid, stat.started if stat is not None else -1, _place())


def is_running(identity: Identity) -> bool:
    """Whether this very process still runs; a later one with the same pid does not count."""
    return identify(identity.pid) == identity


def session_members(identity: Identity) -> list[int]:
    """The pids of the processes in the session that a process leads, or led."""
    now = _stat(identity.pid)
    if identity.place != _place() or (now is not None and now.started != identity.started):
        return []  # the kernel gave the number out again, so the session it led has ended
    found = ((pid, _stat(pid)) for pid in _all_pids())
    return [pid for pid, stat in found if stat is not None and stat.alive and stat.session == identity.pid]


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold spaces and brackets
    return _Stat(state=fields[0], session=int(fields[3]), started=int(fields[19]))


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208  (names, not paths)


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # some sandboxes hide these; the start time still tells most processes apart
        return "unknown"
