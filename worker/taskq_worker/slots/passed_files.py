"""Files of values that a task is given, in the folder that it works in, until Julia has read them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

#: What their names begin with.
PREFIX = ".taskq-given-"


def names_of(passed: Mapping[str, Path]) -> dict[str, str]:
    """The name of each file in the task's folder, by the SHA-256 that stands among the arguments."""
    return {ref: f"{PREFIX}{place}" for place, ref in enumerate(passed)}


def put_files(passed: Mapping[str, Path], folder: Path) -> None:
    """Put the files there: the same ones under other names, where the file system can do that.

    Raises
    ------
    OSError
        If that cannot be done.
    """
    for ref, name in names_of(passed).items():
        try:
            os.link(passed[ref], folder / name)
        except OSError:
            shutil.copyfile(passed[ref], folder / name)
            (folder / name).chmod(0o444)
