"""The folder that a task works in: its home, its temporary folder, its working directory."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from taskq_worker.slots.beneath import opened, put_file
from taskq_worker.slots.project_links import link_tree

log = logging.getLogger(__name__)


class WorkFolder:
    """A folder for each task, always under the same path: empty, or with a project's files.

    Parameters
    ----------
    path : Path
        Where it is to be. Its parent belongs to this object too.
    give : callable, optional
        Gives a folder to the user that tasks run as, where that is not this process's own.
    tree : Path, optional
        The files that each task finds in it, by their paths.
    """

    def __init__(
        self, path: Path, give: Callable[[Path], None] = lambda _: None, tree: Path | None = None
    ) -> None:
        self.path = path
        self._give = give
        self._tree = tree
        #: The folders in it that no task has made.
        self._folders: list[Path] = []
        self._pristine: list[tuple[int, int]] | None = None

    def make(self) -> None:
        """Make it, for the tasks' user only; and its parent, which stays this process's own."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.parent.chmod(0o711)  # whatever the umask: the tasks' user goes through it
        self.path.mkdir(mode=0o700)
        self._folders = [] if self._tree is None else link_tree(self._tree, self.path, self._give)
        self._give(self.path)
        self._pristine = self._state()

    def put(self, files: Mapping[str, Path]) -> None:
        """Put files there for the next task, by their names in it.

        Raises
        ------
        OSError
            If that cannot be done.
        """
        if not files:
            return
        with opened(self.path) as folder:
            for name, source in files.items():
                put_file(folder, name.split("/"), source)

    def set_aside(self, path: Path) -> None:
        """Move what a task has left somewhere else, where the next one does not find it.

        Raises
        ------
        OSError
            If it is not there.
        """
        self.path.rename(path)

    def renew(self) -> Path | None:
        """Make it as new for the next task; what is to be removed, where anything has changed."""
        if self._state() == self._pristine:
            return None
        trash = None
        try:
            self.path.rmdir()
        except FileNotFoundError:
            pass
        except OSError:  # not empty, or no folder any more
            trash = self.path.with_name(f"trash-{time.monotonic_ns()}")
            self.path.rename(trash)
        self.make()
        return trash

    def _state(self) -> list[tuple[int, int]] | None:
        """Changes with every file that is made or replaced in it, and every change of a folder's mode."""
        try:
            states = [path.lstat() for path in (self.path, *self._folders)]
        except OSError:
            return None
        return [(state.st_ino, state.st_ctime_ns) for state in states]


def remove_folder(folder: Path) -> None:
    """Remove a folder that a task may have made hard to remove, or replaced by something else."""
    if not folder.exists() and not folder.is_symlink():
        return
    with suppress(OSError):
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
            return
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for path, _, _ in os.walk(folder):
        with suppress(OSError):
            Path(path).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        log.warning("cannot remove %s", folder)
