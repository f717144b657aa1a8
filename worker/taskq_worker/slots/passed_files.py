"""Files of values that a task is given, in the folder that it works in, until Julia has read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

#: What their names begin with.
PREFIX = ".taskq-given-"


def names_of(passed: Mapping[str, Path]) -> dict[str, str]:
    """The name of each file in the task's folder, by the SHA-256 that stands among the arguments."""
    return {ref: f"{PREFIX}{place}" for place, ref in enumerate(passed)}


def by_name(passed: Mapping[str, Path]) -> dict[str, Path]:
    """Where each file lies, by its name in the task's folder."""
    return {name: passed[ref] for ref, name in names_of(passed).items()}
