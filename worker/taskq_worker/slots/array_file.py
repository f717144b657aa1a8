"""A value that Julia has put into a file, because it is too large for a frame."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

#: Its name in the folder that the task works in; the same stands in ``julia/runner/arrays.jl``.
ARRAY_FILE = ".taskq-value.npy"


def take_array(folder: Path, user: int) -> BinaryIO:
    """Open the file and take it from the folder, which is about to be emptied: it goes with its last reader.

    Parameters
    ----------
    folder : Path
        Where the task worked. What is there may have been put there to deceive: a link to what
        the task may not read, a pipe that nobody writes to.
    user : int
        Whose it has to be.

    Raises
    ------
    OSError
        If it is not there, or not an ordinary file of that user's.
    """
    path = folder / ARRAY_FILE
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb", buffering=0)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_uid == user:
        path.unlink()
        return file
    file.close()
    raise PermissionError(f"{ARRAY_FILE} is not the task's own file")
