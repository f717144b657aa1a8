"""Paths that mean the same to every program, whatever folder and locale it runs in."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(path: Path) -> Path:
    """The path with ``~`` and the current folder put in; links are not followed."""
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111  (pathlib keeps "..", and refuses ~nobody)


def to_text(path: Path) -> str:
    """A path as it is written into a file; `from_text` is the way back.

    Python decodes names by its locale. Two programs of one user may differ in that, so what is
    kept is the bytes of the name, read as UTF-8.
    """
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def from_text(text: str) -> Path:
    """The path that `to_text` made a text of."""
    return Path(os.fsdecode(text.encode("utf-8", "surrogateescape")))


def shown(path: Path) -> str:
    """A path for people and for JSON: any text, even where its bytes are none."""
    return os.fsencode(path).decode("utf-8", "replace")
