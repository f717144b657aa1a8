"""A task's log on its way to standard output.

A terminal gets colours, and sees a line that its task writes over change in place: the only
movements of the cursor that it is sent are made here. A file or a pipe gets the lines.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from typing import Any, Protocol

from taskq_kernel.cli import output
from taskq_kernel.terminal.log import LogLine, ShownLog, coloured_line
from taskq_kernel.terminal.screen import REACH


class LogOutput(Protocol):
    """Takes the pieces of a log as they come."""

    def feed(self, chunks: Iterable[Mapping[str, Any]]) -> None:
        """Write what these pieces change."""

    def finish(self) -> None:
        """Write what is left."""


def log_output(level: int | None) -> LogOutput:
    """Return what writes a log, records from ``level`` on if that is given."""
    if output.for_people() and os.environ.get("TERM") != "dumb":
        return OnTerminal(level, coloured_line if output.has_colours() else lambda line: line.text)
    return InFile(level)


class Pieces:
    """Writes the pieces as they were printed; see `output.write` for what a terminal gets of them."""

    def feed(self, chunks: Iterable[Mapping[str, Any]]) -> None:
        """Write these pieces."""
        for chunk in chunks:
            output.write(chunk["text"] if output.for_people() else chunk["text"].encode(errors="replace"))

    def finish(self) -> None:
        """Nothing is left."""


class JsonPieces:
    """Writes each piece as JSON on a line of its own."""

    def feed(self, chunks: Iterable[Mapping[str, Any]]) -> None:
        """Write these pieces."""
        for chunk in chunks:
            output.write(output.as_json(chunk) + b"\n")

    def finish(self) -> None:
        """Nothing is left."""


class InFile:
    """Writes each line when it is complete; one that is written over later is written once more."""

    def __init__(self, level: int | None) -> None:
        self._level = level
        self._log = ShownLog()
        self._written = 0

    def feed(self, chunks: Iterable[Mapping[str, Any]]) -> None:
        """Write the lines that these pieces complete."""
        self._write(min(self._log.feed(chunks), self._written), len(self._log) - 1)

    def finish(self) -> None:
        """Write the last line."""
        self._write(min(self._log.finish(), self._written), len(self._log))

    def _write(self, first: int, stop: int) -> None:
        lines = self._log.lines(first)[: max(0, stop - first)]
        ends = ["\n"] * len(lines)
        if lines and stop == len(self._log) and self._level is None:
            ends[-1] = ""
        chosen = ((line, end) for line, end in zip(lines, ends, strict=True) if line.is_as_grave_as(self._level))
        output.write("".join(line.text + end for line, end in chosen).encode(errors="replace"))
        self._written = max(first, stop)


class OnTerminal:
    """Shows lines, and those that change in place, as far as the terminal still shows them."""

    def __init__(self, level: int | None, look: Callable[[LogLine], str]) -> None:
        self._level, self._look = level, look
        self._log = ShownLog()
        #: The last lines that are shown, with their places in the log.
        self._shown: list[tuple[int, LogLine]] = []

    def feed(self, chunks: Iterable[Mapping[str, Any]]) -> None:
        """Show what these pieces change."""
        self._show(self._log.feed(chunks))

    def finish(self) -> None:
        """Show what is left."""
        self._show(self._log.finish())
        if self._level is not None and self._shown:
            output.write(b"\n")

    def _show(self, first: int) -> None:
        lines = enumerate(self._log.lines(first), first)
        new = [(place, line) for place, line in lines if line.is_as_grave_as(self._level)]
        now = [*(one for one in self._shown if one[0] < first), *new]
        same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(self._shown, now, strict=False))))
        if same == len(self._shown) == len(now):
            return
        if same == len(now):
            same = max(0, same - 1)  # lines went: the cursor belongs behind the last that is left
        text = "\n".join(self._look(line) for _, line in now[same:])
        output.write_coloured(text, before=self._to_line(same))
        self._shown = now[-2 * REACH :]

    def _to_line(self, place: int) -> str:
        """Return what brings the cursor to where a line begins, with nothing old from there on."""
        old = self._shown[place:]
        if not old:
            return "\n" if self._shown else ""
        width, height = shutil.get_terminal_size()
        up = sum(_rows(line.text, width) for _, line in old) - 1
        if up >= height:
            return "\n"  # it has left the screen: what changed is shown once more
        return "\r" + (f"\x1b[{up}A" if up else "") + "\x1b[J"


def _rows(text: str, width: int) -> int:
    """Return how many rows of a terminal a line takes."""
    # late: only a line that changes on a terminal needs rich
    from rich.cells import cell_len

    return max(1, -(-cell_len(text.expandtabs()) // width))
