"""The processes that a Julia process has started, found and ended.

A task may start programs, and a program may do all it can to get away: a session of its
own, a second fork, an empty environment. Each Julia process is the *subreaper* of its
descendants (``prctl``), so one whose parent exits becomes its child and shows in
``/proc/<pid>/task/*/children``. When the Julia process itself is gone, its orphans become
children of the nearest subreaper above: the supervisor, see `adopt_orphans`.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from taskq_worker.sandbox.task_user import TaskUser

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36

#: Processes that this module must leave alone: the Julia processes of this supervisor.
_registered: set[int] = set()
#: Whether every other child of this process is an orphan of a task.
_exclusive = False


def adopt_orphans(*, exclusive: bool = False) -> None:
    """Make this process the parent of its descendants that lose theirs.

    Parameters
    ----------
    exclusive : bool
        Whether this program starts no processes but those of its slots. Then every other
        child is an orphan of a task, whatever it looks like, and is ended as one. A
        program that starts others must leave this off: then orphans are known by their
        environment, their working directory and their open files.
    """
    global _exclusive
    _exclusive = _exclusive or exclusive
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def hide_from_tasks() -> None:
    """Let no process of the same user look into this one: its memory, its environment, its files.

    Only root can trace it then, and its core is not dumped.
    """
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def register_child(pid: int) -> None:
    """Note a process that is not an orphan."""
    _registered.add(pid)


def forget_child(pid: int) -> None:
    """Forget a process that is gone."""
    _registered.discard(pid)


def children_of(pid: int) -> list[int]:
    """The children of a process, dead ones that nobody has collected included."""
    if not _lists_children():
        return [child for child, parent in _all_parents() if parent == pid]
    found: list[int] = []
    for thread in _names_in(f"/proc/{pid}/task"):
        found += map(int, read_proc(f"/proc/{pid}/task/{thread}/children").split())
    return found


def descendants_of(pid: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    found: list[int] = []
    todo = children_of(pid)
    while todo:
        child = todo.pop()
        if child not in found:
            found.append(child)
            todo += children_of(child)
    return found


def start_time(pid: int) -> int | None:
    """When a process started, in ticks since boot: with its pid, that names it for good."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def is_alive(pid: int) -> bool:
    """Whether a process is there and not just waiting to be collected."""
    fields = _stat(pid)
    return fields is not None and fields[0] not in (b"Z", b"X")


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it is gone."""
    fields = read_proc(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE_BYTES if fields else 0


async def end_tree(pid: int, seen: dict[int, int]) -> None:
    """End a process, all that it started, and all that was seen of it earlier.

    Parameters
    ----------
    pid : int
        A child of this process, leader of its own group, not collected yet.
    seen : dict of int to int
        Descendants noted while it ran, with their `start_time`.
    """
    # Stopped, it starts no further ones while its descendants die; they die first, so
    # that theirs become its children, and are found.
    _signal(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        living = [child for child in descendants_of(pid) if is_alive(child)]
        if not living:
            break
        for child in living:
            _signal(child, signal.SIGKILL)
        await asyncio.sleep(0.002)
    for child, started in seen.items():
        if start_time(child) == started:
            _signal(child, signal.SIGKILL)
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    _signal(pid, signal.SIGKILL)


async def end_orphans(
    folder: Path, seen: dict[int, int], pipes: Iterable[int] = (), user: TaskUser | None = None
) -> None:
    """End what a Julia process that is gone has left to this process.

    Parameters
    ----------
    folder : Path
        The folder of the gone process: its mark in environments and working directories.
    seen : dict of int to int
        Descendants noted while it ran, with their `start_time`.
    pipes : iterable of int
        This process's ends of the pipes that it and its descendants wrote to.
    user : TaskUser, optional
        As whom it ran, where that is as nobody else but tasks.
    """
    marks = {_link(f"/proc/self/fd/{fd}") for fd in pipes} - {""}
    ended: set[int] = set()
    for _ in range(200):
        others = [pid for pid in children_of(os.getpid()) if pid not in _registered]
        orphans = [pid for pid in others if _is_orphan(pid, folder, seen, marks, user)]
        ended.update(orphans)
        for pid in orphans:
            for child in (*descendants_of(pid), pid):
                _signal(child, signal.SIGKILL)
        for pid in list(ended):
            if _collect(pid):
                ended.discard(pid)
        if not orphans and not ended:
            break
        await asyncio.sleep(0.005)
    for pid, started in seen.items():
        if start_time(pid) == started:
            _signal(pid, signal.SIGKILL)


def _is_orphan(
    pid: int, folder: Path, seen: dict[int, int], pipes: set[str], user: TaskUser | None
) -> bool:
    if _exclusive or (pid in seen and start_time(pid) == seen[pid]):
        return True
    if user is not None and _user_of(pid) == user.uid:
        return True
    mark = os.fsencode(folder)
    if mark in read_proc(f"/proc/{pid}/environ") or mark in os.fsencode(_link(f"/proc/{pid}/cwd")):
        return True
    return any(_link(f"/proc/{pid}/fd/{fd}") in pipes for fd in (0, 1, 2))


def _collect(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(OSError):
        os.kill(pid, number)


def read_proc(path: str) -> bytes:
    """What a file in /proc says, up to 1 MiB; nothing when its process is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 1 << 20)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _names_in(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/<pid>/stat from the state on: the name before may hold anything."""
    return read_proc(f"/proc/{pid}/stat").rpartition(b")")[2].split() or None


def _user_of(pid: int) -> int | None:
    """The real user of a process, which it cannot change; its folder in /proc can be root's all the same."""
    after = read_proc(f"/proc/{pid}/status").partition(b"\nUid:")[2].split(None, 1)
    return int(after[0]) if after else None


@functools.cache
def _lists_children() -> bool:
    # A kernel may be built without CONFIG_PROC_CHILDREN.
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _all_parents() -> Iterator[tuple[int, int]]:
    for name in _names_in("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if fields:
                yield int(name), int(fields[1])
