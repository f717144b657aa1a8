"""A task's log as it is shown: lines with their styles and their levels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from taskq_kernel.printable import OBEYED
from taskq_kernel.terminal.levels import NO_RECORD, Mark, marks
from taskq_kernel.terminal.screen import Run, Screen
from taskq_kernel.terminal.style import PLAIN, sgr

_FIRST_RUNS = 12
_OBEYED = re.compile(f"[{OBEYED}]")


class LogLine(NamedTuple):
    """A line: its runs, and the level of the record that it belongs to, None where it is of none."""

    runs: Sequence[Run]
    level: int | None

    @property
    def text(self) -> str:
        """What stands there."""
        return "".join(run.text for run in self.runs)

    def is_as_grave_as(self, least: int | None) -> bool:
        """Whether it belongs to a record of this level or a graver one; None asks for nothing."""
        return least is None or (self.level is not None and self.level >= least)


class ShownLog:
    """Takes the pieces of a task's log as they come, and keeps its lines.

    Examples
    --------
    >>> log = ShownLog()
    >>> log.feed([{"stream": "stderr", "text": "10 %\\r100 %\\n[ Info: done\\n"}])
    0
    >>> [(line.text, line.level) for line in log.lines()]
    [('100 %', None), ('[ Info: done', 0), ('', None)]
    """

    def __init__(self) -> None:
        self._screen = Screen()
        self._marks: list[Mark] = [NO_RECORD]

    def feed(self, chunks: Iterable[Mapping[str, Any]]) -> int:
        """Take pieces, each with its ``stream`` and its ``text``; return the place of the first line that changed."""
        return self._mark_from(min(self._feed(chunks), default=len(self._marks)))

    def _feed(self, chunks: Iterable[Mapping[str, Any]]) -> Iterator[int]:
        for chunk in chunks:
            yield self._screen.feed(chunk["text"], chunk["stream"])

    def finish(self) -> int:
        """Show what was begun and will not be ended; return the place of the first line that changed."""
        return self._mark_from(self._screen.finish())

    def _mark_from(self, first: int) -> int:
        first = min(first, len(self._marks))
        texts = (_text(line) for line in self._screen.lines[first:])
        self._marks[first:] = marks(texts, self._marks[first - 1] if first else NO_RECORD)
        return first

    def lines(self, first: int = 0, least: int | None = None) -> list[LogLine]:
        """Return its lines from ``first`` on; with ``least`` those of records that are at least as grave."""
        both = zip(self._screen.lines[first:], self._marks[first:], strict=True)
        lines = (LogLine(tuple(runs), level) for runs, (level, _) in both)
        return [line for line in lines if line.is_as_grave_as(least)]

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self._marks)


def shown(chunks: Iterable[Mapping[str, Any]], least: int | None = None) -> list[LogLine]:
    """Return the lines of a whole log, the last one without its end; with ``least`` as `ShownLog.lines` does."""
    log = ShownLog()
    log.feed(chunks)
    log.finish()
    return log.lines(least=least)


def plain(lines: Iterable[LogLine]) -> str:
    """Return lines as text without colours."""
    return "\n".join(line.text for line in lines)


def coloured(lines: Iterable[LogLine]) -> str:
    """Return lines as text for a terminal; each of them leaves it as it was."""
    return "\n".join(coloured_line(line) for line in lines)


def coloured_line(line: LogLine) -> str:
    """Return one line as text for a terminal, which it leaves as it was."""
    return "".join(run.text if run.style == PLAIN else f"{sgr(run.style)}{run.text}{sgr(PLAIN)}" for run in line.runs)


def folded(text: str) -> list[LogLine]:
    """Return the lines that a terminal would show of a text, such as an error's message."""
    return shown([{"stream": "", "text": text}])


def as_text(text: str) -> str:
    """Return a text as a terminal shows it, without colours."""
    return plain(folded(text)) if _OBEYED.search(text) else text


def _text(line: Sequence[Run]) -> str:
    # A record is known by its first characters, whose colours make runs of their own.
    return "".join(run.text for run in line[:_FIRST_RUNS])
