"""Which files a task has left in its folder that are to be kept, found by their patterns."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from taskq_kernel.file_patterns import Below, Parts, parts_of
from taskq_kernel.task_files import OWN_PREFIX, problem_of
from taskq_worker.slots.beneath import opened, opened_below
from taskq_worker.slots.folder import remove_folder

#: How many names are looked at, and how deep in folders: task code may have made any number of either.
MOST_NAMES = 1_000_000
MOST_FOLDERS = 64


@dataclass(frozen=True)
class LeftFolder:
    """The folder that a task has worked in, out of the way of the next one.

    Attributes
    ----------
    path : Path
        Where it is now.
    user : int
        Whose the task's files are.
    """

    path: Path
    user: int

    def remove(self) -> None:
        """Remove it with all that is in it."""
        remove_folder(self.path)


@dataclass(frozen=True, slots=True)
class LeftFile:
    """An ordinary file in such a folder: its name, and how long it was when it was found."""

    name: str
    size: int


@dataclass
class Found:
    """What was found: the files, by their names, and why others cannot be kept."""

    files: list[LeftFile] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def find_files(folder: LeftFolder, patterns: Iterable[str], given: Collection[str] = ()) -> Found:
    """The files of a folder that patterns mean.

    Parameters
    ----------
    given : collection of str
        The names of the files that the task was given, which are its own only if it has put others in their places.
    """
    search = _Search(folder.user, given)
    try:
        with opened(folder.path) as descriptor:
            search.look(descriptor, parts_of(patterns), ())
    except OSError as error:
        search.found.left_out["."] = f"the task's folder cannot be read: {error.strerror or error}"
    search.found.files.sort(key=lambda file: file.name)
    return search.found


class _Search:
    def __init__(self, user: int, given: Collection[str]) -> None:
        self._user = user
        self._given = given
        self._names = 0
        self.found = Found()

    def look(self, folder: int, rests: frozenset[Parts], way: tuple[str, ...]) -> None:
        """Look through one folder and those below it."""
        below = Below(rests)
        for name, is_folder in self._entries(folder):
            path = "/".join((*way, name))
            if not is_folder:
                if below.takes(name):
                    self._take(folder, name, path)
            elif deeper := below.folder(name):
                if len(way) >= MOST_FOLDERS:
                    self.found.left_out[path] = f"it is more than {MOST_FOLDERS} folders deep"
                    continue
                try:
                    with opened_below(folder, [name]) as descriptor:
                        self.look(descriptor, deeper, (*way, name))
                except OSError as error:
                    self.found.left_out[path] = error.strerror or str(error)

    def _entries(self, folder: int) -> Iterator[tuple[str, bool]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                self._names += 1
                if self._names > MOST_NAMES:
                    self.found.left_out["."] = f"there are more than {MOST_NAMES:,} names to look at"
                    return
                if not entry.name.startswith(OWN_PREFIX):
                    yield entry.name, entry.is_dir(follow_symlinks=False)

    def _take(self, folder: int, name: str, path: str) -> None:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            self.found.left_out[path] = error.strerror or str(error)
            return
        own = found.st_uid == self._user
        if stat.S_ISREG(found.st_mode) and not own and path in self._given:
            return
        problem = problem_of(path) or _what_else(found.st_mode) or ("" if own else "it is not the task's own")
        if problem:
            self.found.left_out[path] = problem
        else:
            self.found.files.append(LeftFile(path, found.st_size))


def _what_else(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    return "it is a link" if stat.S_ISLNK(mode) else "it is no ordinary file"
