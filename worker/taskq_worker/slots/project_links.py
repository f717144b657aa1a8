"""A project's files in the folder that a task works in, at their own paths.

The folders are the task's own, and each file is a link to the one that lies on this machine for all.
So however large the data are, a task begins at once; it may write beside every file, and none of
them: what it finds is what its project's hash says. A copy would cost each task the whole project.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def link_tree(tree: Path, folder: Path, give: Callable[[Path], None]) -> list[Path]:
    """Put links to the files of ``tree`` into ``folder``; the folders that were made for that.

    Parameters
    ----------
    give : callable
        Gives a folder to the user that tasks run as.

    Raises
    ------
    OSError
        If that cannot be done.
    """
    made: list[Path] = []
    for parent, folders, files in os.walk(tree):
        here = folder / Path(parent).relative_to(tree)
        for name in files:
            (here / name).symlink_to(f"{parent}/{name}")
        for name in folders:
            (here / name).mkdir(mode=0o700)
            made.append(here / name)
    for path in reversed(made):
        give(path)
    return made
