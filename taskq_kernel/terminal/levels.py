"""Records of Julia's loggers among the lines of a log, and how grave they are.

Julia's `ConsoleLogger` writes a record on one line or on several::

    [ Info: one line
    ┌ Warning: what it says
    │   x = 1
    └ @ Main model.jl:12

Standard output may come between the lines of one record: it is none of its.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum

from taskq_kernel.errors import InvalidTask
from taskq_kernel.task_log import LEFT_OUT


class Level(IntEnum):
    """How grave a record is, in Julia's numbers; other levels are possible."""

    DEBUG = -1000
    INFO = 0
    WARN = 1000
    ERROR = 2000


#: What a person says, in a command or a call.
NAMES = {"debug": Level.DEBUG, "info": Level.INFO, "warn": Level.WARN, "error": Level.ERROR}
#: What a logger writes.
_WORDS = {"Debug": Level.DEBUG, "Info": Level.INFO, "Warning": Level.WARN, "Error": Level.ERROR}
_RECORD = re.compile(r"(?P<edge>[\[┌]) (?:(?P<word>Debug|Info|Warning|Error)|LogLevel\((?P<number>-?\d{1,9})\)):")

#: The level of a line, None for one that is no record's; and of the record that goes on after it, if one does.
Mark = tuple[int | None, int | None]
NO_RECORD: Mark = (None, None)


def marks(lines: Iterable[str], before: Mark = NO_RECORD) -> Iterator[Mark]:
    """Yield what each line is, after a line that was ``before``."""
    for text in lines:
        before = mark(text, before[1])
        yield before


def mark(text: str, goes_on: int | None) -> Mark:
    """Return what a line is, where a record of the level ``goes_on`` has begun and not ended."""
    if found := _RECORD.match(text):
        level = int(found["number"]) if found["number"] else int(_WORDS[found["word"]])
        return level, None if found["edge"] == "[" else level
    if goes_on is not None:
        if text.startswith("│"):
            return goes_on, goes_on
        if text.startswith("└"):
            return goes_on, None
        if text.startswith("┌") or LEFT_OUT.fullmatch(text):
            return NO_RECORD  # the end of the record was not printed, or left out
    return None, goes_on


def least(name: str | None) -> int | None:
    """Return the level that a person has named, from which on records are asked for.

    Raises
    ------
    InvalidTask
        If there is none of this name.
    """
    if name is None:
        return None
    try:
        return NAMES[name.lower()]
    except KeyError:
        raise InvalidTask(f"is {name!r}: use {', '.join(NAMES)}", "level") from None
