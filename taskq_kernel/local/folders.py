"""Temporary folders that do not outlive their owner for long, even one that was killed.

A folder's owner holds a lock on a file in it, which goes with the owner. Whoever finds a
folder whose lock can be had removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = ".lock"
#: How the names of workers' folders begin.
WORKER_FOLDERS = "taskq-worker-"


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder, removed at the end by its owner, or later by `sweep_folders`."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    fresh = folder / f"{LOCK}.fresh"
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        fresh.rename(folder / LOCK)  # only now: a lock that can be had means a dead owner
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep_folders(prefix: str) -> None:
    """Remove the folders of owners that are gone."""
    for lock in Path(tempfile.gettempdir()).glob(f"{prefix}*/{LOCK}"):
        with suppress(OSError):  # another user's, or just being removed
            _remove_unless_held(lock)


def _remove_unless_held(lock: Path) -> None:
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.parent, ignore_errors=True)
    finally:
        os.close(descriptor)
