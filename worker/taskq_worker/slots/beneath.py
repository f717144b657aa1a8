"""Files beneath a folder that belongs to somebody else: opened and made without ever leaving it.

The worker may be root, and the folder is a task's, whose code may put links and pipes there, and exchange them at any
moment. So nothing is done by a path: each folder on the way is opened from the one above it, and no link is followed.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: A pipe that nobody writes to must not be waited for, and a terminal not be taken.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The folder at a path that nobody but this process changes, as a descriptor."""
    folder = os.open(path, _FOLDER)
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def opened_below(folder: int, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """A folder below another one, as a descriptor.

    Parameters
    ----------
    folder : int
        A folder's descriptor.
    names : sequence of str
        The names of the folders on the way, the last one's last.
    make : bool
        Whether those that are missing are made, as the folder's owner's.

    Raises
    ------
    OSError
        If one of them is not there, or no folder.
    """
    descriptor = os.dup(folder)
    try:
        for name in names:
            below = _made(descriptor, name) if make else os.open(name, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _made(folder: int, name: str) -> int:
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        return os.open(name, _FOLDER, dir_fd=folder)
    below = os.open(name, _FOLDER, dir_fd=folder)
    owner = os.fstat(folder)
    os.fchown(below, owner.st_uid, owner.st_gid)
    return below


def open_file(folder: int, names: Sequence[str], user: int) -> BinaryIO:
    """Open an ordinary file below a folder.

    Parameters
    ----------
    user : int
        Whose it has to be: a task may have a name for the file of somebody else, which only this process can read.

    Raises
    ------
    OSError
        If it is not there, or something else.
    """
    *way, name = names
    with opened_below(folder, way) as below:
        descriptor = os.open(name, _FILE, dir_fd=below)
    file = os.fdopen(descriptor, "rb", buffering=0)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_uid == user:
        return file
    file.close()
    raise PermissionError(f"{'/'.join(names)!r} is not the task's own file")


def put_file(folder: int, names: Sequence[str], source: Path) -> None:
    """Put a file below a folder: the same one under another name, where the file system can do that, to be read only.

    It takes the place of what is there: a link to a file of the task's project, or what an earlier cell was given.

    Raises
    ------
    OSError
        If that cannot be done.
    """
    *way, name = names
    with opened_below(folder, way, make=True) as below:
        try:
            os.link(source, name, dst_dir_fd=below)
        except FileExistsError:
            os.unlink(name, dir_fd=below)  # which removes no folder
            put_file(below, [name], source)
        except OSError:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444, dir_fd=below)
            with source.open("rb") as there, os.fdopen(descriptor, "wb") as here:
                shutil.copyfileobj(there, here)
                os.fchmod(here.fileno(), 0o444)  # whatever the umask
