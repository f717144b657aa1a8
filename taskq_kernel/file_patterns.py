"""Patterns that name the files of a task's folder that are kept: ``*.csv``, ``figures/``, ``runs/**/*.png``.

In a part of a path ``*`` stands for any characters, ``?`` for one, ``[abc]`` for one of these; ``**`` alone stands for
any number of folders. A pattern with ``/`` at its end, or that matches a folder, means all that is in that folder. As
in a shell, a name that begins with a dot is matched by a part that begins with one.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from taskq_kernel.errors import InvalidTask
from taskq_kernel.task_files import problem_of

#: How many patterns a task has at most, and how long each may be.
MAX_PATTERNS = 100
MAX_PATTERN = 500

#: The parts of a pattern that are still to be matched; none: all that is below.
Parts = tuple[str, ...]
ALL: Parts = ()


def check_patterns(given: Any, field: str) -> list[str]:
    """Patterns as they are kept, each once; a single one may be given as a string.

    Raises
    ------
    InvalidTask
        If one of them is none: the message has it.
    """
    if given is None:
        return []
    patterns = [given] if isinstance(given, str) else given
    if not isinstance(patterns, list | tuple | set | frozenset):
        raise InvalidTask(f"is {type(given).__name__}: give a list of patterns, such as ['*.csv', 'figures/']", field)
    if len(patterns) > MAX_PATTERNS:
        raise InvalidTask(f"has {len(patterns)} patterns: give at most {MAX_PATTERNS}", field)
    return list(dict.fromkeys(_checked(one, field) for one in patterns))


def _checked(given: Any, field: str) -> str:
    if not isinstance(given, str):
        raise InvalidTask(f"has {type(given).__name__}: give patterns as strings, such as '*.csv'", field)
    pattern: str = given
    if len(pattern) > MAX_PATTERN:
        raise InvalidTask(f"has a pattern of {len(pattern)} characters: give at most {MAX_PATTERN}", field)
    if pattern.startswith("/"):
        raise InvalidTask(f"has {pattern!r}: give a pattern within the task's folder, without / before it", field)
    while pattern.startswith("./"):
        pattern = pattern[2:]
    problem = problem_of(pattern.removesuffix("/"))
    if problem:
        raise InvalidTask(f"has {pattern!r}: {problem}", field)
    return pattern


def parts_of(patterns: Iterable[str]) -> frozenset[Parts]:
    """Patterns in parts, as `Below` takes them."""
    return frozenset(_parts(pattern) for pattern in patterns)


def _parts(pattern: str) -> Parts:
    parts = tuple(pattern.removesuffix("/").split("/"))
    return (*parts, "*") if parts[-1] == "**" else parts


class Below:
    """What some patterns mean for the entries of one folder.

    Parameters
    ----------
    rests : set of Parts
        What is still to be matched there, of each pattern that has matched the way to it.
    """

    def __init__(self, rests: frozenset[Parts]) -> None:
        found = set(rests)
        for rest in rests:  # ** stands for no folder, too
            while rest and rest[0] == "**":
                rest = rest[1:]
                found.add(rest)
        self._rests = found
        self._all = ALL in rests

    def takes(self, name: str) -> bool:
        """Whether the file of this name is meant."""
        return self._all or any(len(rest) == 1 and _matches(name, rest[0]) for rest in self._rests)

    def folder(self, name: str) -> frozenset[Parts]:
        """What is still to be matched in the folder of this name; empty where nothing in it is meant."""
        if self._all:
            return frozenset([ALL])
        deeper: set[Parts] = set()
        for rest in self._rests:
            if rest and rest[0] == "**" and not name.startswith("."):
                deeper.add(rest)
            elif rest and _matches(name, rest[0]):
                deeper.add(rest[1:])
        return frozenset(deeper)


def chosen(names: Iterable[str], pattern: str) -> list[str]:
    """Those of some names that a pattern means."""
    start = parts_of([pattern])
    return [name for name in names if _means(start, name.split("/"))]


def _means(rests: frozenset[Parts], parts: list[str]) -> bool:
    *folders, last = parts
    for folder in folders:
        rests = Below(rests).folder(folder)
    return bool(rests) and Below(rests).takes(last)


def _matches(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatchcase(name, part)
