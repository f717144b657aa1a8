"""What a task user can reach in the file system, and how it is shown what it could not.

Julia and its packages often lie below a home folder that only its owner may enter. Opening
that folder would open all of it. Instead the processes of tasks get a mount namespace of
their own, in which an empty folder lies over the closed one, and in that nothing but what
they need, at the path that it has everywhere.

A mount namespace belongs to a thread, and a child is born into that of the thread that
forks. So one thread enters the namespace and starts all Julia processes; the rest of the
worker sees the file system as before.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from taskq_worker.sandbox.task_user import TaskUser

T = TypeVar("T")

_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_SLAVE = 2, 4, 4096, 16384, 1 << 19


def obstacle(path: Path, user: TaskUser) -> Path | None:
    """The uppermost folder that a user may not enter, on the way to a file or folder."""
    return next((folder for folder in reversed(path.parents) if not _grants(folder, user, os.X_OK)), None)


def readable(path: Path, user: TaskUser) -> bool:
    """Whether a user that has come so far may read a file, or list a folder and enter it."""
    return _grants(path, user, os.R_OK | (os.X_OK if path.is_dir() else 0))


def _grants(path: Path, user: TaskUser, wanted: int) -> bool:
    try:
        about = path.stat()
    except OSError:
        return False
    shift = 6 if about.st_uid == user.uid else 3 if about.st_gid == user.gid else 0
    return stat.S_IMODE(about.st_mode) >> shift & wanted == wanted


class MountNamespace:
    """A mount namespace in which closed folders hold only what is needed of them.

    Parameters
    ----------
    needed : sequence of Path
        Files and folders to be reached, at absolute paths.
    closed : iterable of Path
        The folders above some of them that the user may not enter.

    Raises
    ------
    OSError
        If this process may not make one; in a container that is common.
    """

    def __init__(self, needed: Sequence[Path], closed: Iterable[Path]) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spawn")
        plan = {}
        for folder in _outermost(closed):
            plan[folder] = _outermost(path for path in needed if folder in path.parents)
        try:
            self._thread.submit(_enter, plan).result()
        except BaseException:
            self.close()
            raise
        #: What can be reached only here.
        self.shown = [path for paths in plan.values() for path in paths]

    def do(self, work: Callable[[], T]) -> T:
        """Do something in this namespace, and wait for it. What it starts lives there."""
        return self._thread.submit(work).result()

    def close(self) -> None:
        """Leave it. Processes that were started in it keep it while they live."""
        self._thread.shutdown()


def _outermost(paths: Iterable[Path]) -> list[Path]:
    every = sorted(set(paths))
    return [path for path in every if not any(other in path.parents for other in every)]


def _enter(plan: dict[Path, list[Path]]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWNS), "unshare")
    # What is mounted elsewhere later is seen here too; what is mounted here, nowhere else.
    _mount(libc, None, Path("/"), None, _MS_REC | _MS_SLAVE)
    mask = os.umask(0o022)  # this thread's own since it left the others' namespace
    for folder, needed in plan.items():
        # Held open, they can be named once something lies over them.
        sources = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in needed}
        links = {path: path.readlink() for path in needed if path.is_symlink()}
        files = {path for path in needed if not path.is_dir()}
        try:
            _mount(libc, "tmpfs", folder, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=1m")
            for path, source in sources.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                if path in links:  # where it leads to is needed too, and named besides
                    path.symlink_to(links[path])
                    continue
                if path in files:
                    path.touch()
                else:
                    path.mkdir()
                _mount(libc, f"/proc/self/fd/{source}", path, None, _MS_BIND | _MS_REC)
        finally:
            for source in sources.values():
                os.close(source)
    os.umask(mask)


def _mount(
    libc: ctypes.CDLL, source: str | None, target: Path, kind: str | None, flags: int, data: str | None = None
) -> None:
    words = [word.encode() if word is not None else None for word in (source, str(target), kind, data)]
    _check(libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]), f"mount on {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
