"""A disk that is soon full, for tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stacks import missing


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A small file system in place of a folder, with a tmpfs's options, such as ``size=1m`` or ``nr_inodes=60``."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        missing(f"a small disk cannot be had here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def more_room(folder: Path, options: str) -> None:
    """Have such a small file system take more, as by these options."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)
