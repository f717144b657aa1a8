"""What of projects lies on a worker's machine: one folder each, for all workers that share a data folder.

An *entry* belongs to one project and one Julia. It is used while its lock is held by many, and made or
removed while its lock is held by one; a lock goes with the process that has it. An entry counts once
the file `ready.json` is in it, which is written last: whatever was cut off before is made anew.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

#: The folder of projects, in a data folder.
PROJECTS = "projects"
#: How long a project that could not be prepared is not tried again, in seconds.
FAILED_S = 60.0
#: Likewise one for which the disk was too full: somebody may be about to make room.
NO_ROOM_S = 3.0


class EntryLock:
    """The lock of one entry, open until it is closed.

    Parameters
    ----------
    path : Path
        Its file; made if need be.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def alone(self) -> bool:
        """Hold it alone, if nobody else holds it; whether that is so."""
        return self._lock(fcntl.LOCK_EX)

    def among_many(self) -> bool:
        """Hold it with others, if nobody holds it alone; whether that is so."""
        return self._lock(fcntl.LOCK_SH)

    def close(self) -> None:
        """Let it go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _lock(self, how: int) -> bool:
        try:
            fcntl.flock(self._descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Entry:
    """A project for one Julia.

    Attributes
    ----------
    folder : Path
        All that is kept of it.
    tree : Path
        The project's files.
    depot : Path
        Packages and compiled code that are this project's alone, where tasks have users of their own.
    """

    def __init__(self, store: Path, key: str) -> None:
        self.key = key
        self.folder = store / key
        self.tree = self.folder / "tree"
        self.depot = self.folder / "depot"
        self._ready = self.folder / "ready.json"
        self._failed = store / f"{key}.failed"
        self._lock = store / f"{key}.lock"
        self.part = store / f"{key}.part"

    def lock(self) -> EntryLock:
        """Its lock, held by nobody yet."""
        return EntryLock(self._lock)

    def is_ready(self) -> bool:
        """Whether it may be used."""
        return self._ready.is_file()

    def used(self) -> None:
        """It is used now."""
        with suppress(OSError):
            os.utime(self._ready)

    def used_at(self) -> float:
        """When it was used last; 0 where it cannot be used."""
        try:
            return self._ready.stat().st_mtime
        except OSError:
            return 0.0

    def size(self) -> int:
        """How many bytes it has on the disk; 0 where it cannot be used."""
        try:
            return int(json.loads(self._ready.read_text("utf-8"))["size"])
        except (OSError, ValueError, KeyError):
            return 0

    def finish(self) -> None:
        """It may be used from now on."""
        temporary = self.folder / "ready.new"
        temporary.write_text(json.dumps({"size": size_of(self.folder)}), "utf-8")
        temporary.replace(self._ready)
        self._failed.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove it, whether it was finished or not. From the first moment on it counts no longer."""
        self._ready.unlink(missing_ok=True)
        for folder in (self.part, self.folder):
            remove_tree(folder)

    def fail(self, message: str, for_s: float) -> None:
        """Remember for so many seconds, `FAILED_S` at most, why it cannot be prepared."""
        with suppress(OSError):  # a full disk; then it is tried again sooner
            self._failed.write_text(message, "utf-8")
            since = time.time() - FAILED_S + for_s
            os.utime(self._failed, (since, since))

    def failure(self) -> str | None:
        """Why it could not be prepared a moment ago."""
        try:
            if time.time() - self._failed.stat().st_mtime < FAILED_S:
                return self._failed.read_text("utf-8") or None
        except OSError:
            pass
        return None


class ProjectStore:
    """The entries on this machine.

    Parameters
    ----------
    folder : Path
        Where they lie; made if it is not there.
    limit_bytes : int
        How much is kept of what nobody uses.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        #: Whoever knows a project's hash finds it; nobody finds out what there is.
        self._entries = folder / "by-hash"
        self._limit_bytes = limit_bytes

    def make(self) -> None:
        """Make the folders, for everybody to go through: tasks may run as other users."""
        for path, mode in ((self.folder, 0o755), (self._entries, 0o711)):
            path.mkdir(mode=mode, parents=True, exist_ok=True)
            path.chmod(mode)

    def entry(self, key: str) -> Entry:
        """The entry with this key, whether it is there or not."""
        return Entry(self._entries, key)

    def make_room(self) -> None:
        """Remove what a worker has left that was killed while it made it, and what was used least recently and nobody
        uses, until the rest fits.
        """
        for path in self._entries.glob("*.lock"):
            cut_off = self.entry(path.stem)
            if cut_off.part.exists() or (cut_off.folder.exists() and not cut_off.is_ready()):
                _remove(cut_off, ready=False)
        entries = [self.entry(path.parent.name) for path in self._entries.glob("*/ready.json")]
        entries.sort(key=Entry.used_at)
        total = sum(entry.size() for entry in entries)
        for entry in entries:
            if total <= self._limit_bytes:
                return
            size = entry.size()
            if _remove(entry, ready=True):
                total -= size
                log.info("removed project %s, which nobody has used lately", entry.key)


def _remove(entry: Entry, *, ready: bool) -> bool:
    """Remove an entry that nobody uses or makes, if it is ready, or if it is not; whether that was so."""
    lock = entry.lock()
    try:
        if not lock.alone() or entry.is_ready() is not ready:
            return False
        entry.clear()
        return True
    finally:
        lock.close()


def size_of(folder: Path) -> int:
    """How many bytes lie in a folder."""
    return sum(os.lstat(f"{parent}/{name}").st_size for parent, _, files in os.walk(folder) for name in files)


def remove_tree(folder: Path) -> None:
    """Remove a folder, read-only ones in it included."""
    def let_in(_function: object, path: str, _error: object) -> None:
        with suppress(OSError):
            Path(path).parent.chmod(0o700)
            Path(path).chmod(0o700)

    for _ in range(2):
        if not folder.exists():
            return
        shutil.rmtree(folder, onerror=let_in)
    shutil.rmtree(folder, ignore_errors=True)


def seal(folder: Path, owner: int | None = None) -> None:
    """Let everybody read a folder and nobody write to it.

    Parameters
    ----------
    folder : Path
        The folder, which a user may own who still runs processes.
    owner : int, optional
        The user to whom all of it was given, and whose files become this process's own. Default: they are. What is
        another's stays as it is: the user may have made a name there for a file that only this process can read.
    """
    _seal(os.open(folder, _FOLDER), owner)


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Without a wait for whoever would write into a pipe.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def _seal(descriptor: int, owner: int | None) -> None:
    """By descriptors, and a folder before what is in it: whoever owned it can exchange nothing meanwhile."""
    try:
        _take(descriptor, owner, 0o555)
        with os.scandir(descriptor) as found:
            names = [(entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink()) for entry in found]
        for name, is_folder, is_link in names:
            if is_link:
                continue
            inner = os.open(name, _FOLDER if is_folder else _FILE, dir_fd=descriptor)
            if is_folder:
                _seal(inner, owner)
                continue
            try:
                _take(inner, owner, 0o444)
            finally:
                os.close(inner)
    finally:
        os.close(descriptor)


def _take(descriptor: int, owner: int | None, mode: int) -> None:
    about = os.fstat(descriptor)
    if about.st_uid != (os.geteuid() if owner is None else owner):
        return
    if owner is not None:
        os.fchown(descriptor, os.geteuid(), os.getegid())
    runs = about.st_mode & 0o100 and stat.S_ISREG(about.st_mode)
    os.fchmod(descriptor, mode | (0o111 if runs else 0))


#: Gives a file or folder to the user that prepares.
Give = Callable[[Path], None]


def give_tree(folder: Path, give: Give) -> None:
    """Give a folder with all that is in it, which only this process has written to so far."""
    for parent, _, files in os.walk(folder):
        for path in (Path(parent), *(Path(parent) / name for name in files)):
            give(path)
