"""As whom a slot's Julia processes run, where the worker is root.

Each slot has a user of its own: a number that nobody has, without a name, a password or a
group. So a task can neither read nor signal the worker, the rest of the stack, or a task in
another slot, and no user has to be made for that beforehand.
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from taskq_kernel.errors import SettingsError, SetupError

#: Numbers that systemd keeps for users that come and go (`DynamicUser=`): no distribution
#: gives them to people, and they are there in a container's user namespace too.
TRANSIENT_UIDS = range(61_184, 65_520)


@dataclass(frozen=True)
class TaskUser:
    """A user that task code runs as, in one group and no other."""

    uid: int
    gid: int

    def __str__(self) -> str:
        with suppress(KeyError):
            return pwd.getpwuid(self.uid).pw_name
        return str(self.uid)


def find_user(name: str) -> TaskUser:
    """The user with a name or number.

    Raises
    ------
    SettingsError
        If there is no user with this name.
    """
    try:
        known = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except KeyError:
        if name.isdecimal():
            return TaskUser(int(name), int(name))
        raise SettingsError(
            f"task_user is {name!r}, and there is no such user; name one, or give a number"
        ) from None
    return TaskUser(known.pw_uid, known.pw_gid)


class ClaimedUsers:
    """Users that no other worker on this machine takes until this object is closed.

    Parameters
    ----------
    count : int
        How many.

    Raises
    ------
    SetupError
        If there are not so many.
    """

    def __init__(self, count: int) -> None:
        self.users: list[TaskUser] = []
        # A lock without a file: a name that one process can have, and that goes with it.
        self._locks: list[socket.socket] = []
        busy = set(_uids_of_processes())
        # Workers look from different numbers on, so that they rarely want the same one.
        start = os.getpid() * 31 % len(TRANSIENT_UIDS)
        for uid in (*TRANSIENT_UIDS[start:], *TRANSIENT_UIDS[:start]):
            if len(self.users) == count:
                return
            if uid not in busy and not _has_name(uid) and self._lock(uid):
                self.users.append(TaskUser(uid, uid))
        if len(self.users) < count:
            self.close()
            raise SetupError(f"there are no {count} free users between {TRANSIENT_UIDS[0]} and {TRANSIENT_UIDS[-1]}")

    def _lock(self, uid: int) -> bool:
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind(f"\0taskq-task-user-{uid}")
        except OSError:
            lock.close()
            return False
        self._locks.append(lock)
        return True

    def close(self) -> None:
        """Let others have them."""
        while self._locks:
            self._locks.pop().close()


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _uids_of_processes() -> Iterator[int]:
    """Users with processes: a worker that was killed may have left some behind."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                yield entry.stat().st_uid
