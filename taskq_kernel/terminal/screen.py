"""Lines, as a terminal would show them.

A terminal has a cursor. Text is written where it stands, over what is there; carriage
returns, and the movements that progress meters make, put it back into lines that are
written already. `Screen` keeps every line that ever was, and lets the cursor reach the last
`REACH` of them, as a terminal lets it reach its screen.

Unlike a terminal it has no width: a log has no more line ends than its task has printed.
A character is one column, also where a terminal draws it two columns wide or none.

Whatever is printed, reading it takes time in proportion to its length: what would take more
(the limits below) is no progress meter's, and is written after what is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from taskq_kernel.printable import OBEYED, printable
from taskq_kernel.task_log import LEFT_OUT
from taskq_kernel.terminal.style import PLAIN, Style, restyled

#: So many lines from the end can still change.
REACH = 100
#: How far to the right the cursor can be sent where nothing is written yet.
_COLUMNS = 1_000
#: A line that is longer is written at its end alone.
_WIDEST = 10_000
#: A line of more runs than this loses its styles when it is written over.
_MOST_RUNS = 500
#: A run is added to as long as it is no longer than this.
_LONG_RUN = 512
#: The longest sequence that is waited for: what begins like one, and goes on for longer, is text.
_LONGEST = 4_096
_TAB = 8

_CSI = r"\x1b\[(?P<parameters>[0-?]{0,64})[ -/]{0,4}(?P<final>[@-~])"
#: Titles of windows, links, the clipboard and other messages to the terminal itself: no text of the log.
_MESSAGE = rf"\x1b[\]PX^_][^\x07\x1b\n]{{0,{_LONGEST}}}(?:\x07|\x1b\\)"
_ESCAPE = r"\x1b(?P<escape>[ -/]{0,4}[0-Z\\`-~])"
_TOKEN = re.compile(rf"(?P<text>[^{OBEYED}]+)|(?P<control>[^\x1b])|{_CSI}|{_MESSAGE}|{_ESCAPE}|(?P<stray>\x1b)")
#: What may become a sequence with the next piece of text.
_BEGUN = re.compile(
    rf"\x1b(?:\[[0-?]{{0,64}}[ -/]{{0,4}}|[\]PX^_][^\x07\x1b\n]{{0,{_LONGEST}}}\x1b?|[ -/]{{0,4}})?\Z"
)
#: A terminal shows nothing of these: what fills time, and a bell.
_SILENT = "\x00\x07"


class Run(NamedTuple):
    """A piece of a line in one style, from one of the task's streams."""

    text: str
    style: Style
    stream: str


Line = list[Run]


class Screen:
    """Takes text piece by piece and keeps lines.

    Attributes
    ----------
    lines : list of list of Run
        What there is, the line that the cursor stands in included. No text of it has a
        control character but tabs.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = [[]]
        self._row = self._column = 0
        #: Of the line that the cursor stands in.
        self._length = 0
        self._saved = (0, 0)
        self._style = PLAIN
        self._stream = ""
        #: What each stream has begun and not ended: another may come between.
        self._begun: dict[str, str] = {}
        #: No line above this one is reached any more.
        self._top = 0
        self._cleared = False
        self._changed = 0

    def feed(self, text: str, stream: str = "stdout") -> int:
        """Take the next piece; return the place of the first line that is not as it was."""
        text = self._begun.pop(stream, "") + text
        begun = _BEGUN.search(text, max(0, text.rfind("\x1b", 0, -1))) if "\x1b" in text else None
        if begun:
            self._begun[stream] = begun[0]
            text = text[: begun.start()]
        return self._take(text, stream)

    def finish(self) -> int:
        """Show what was begun and will not be ended; return the place of the first line that is not as it was."""
        rest, self._begun = self._begun, {}
        return min((self._take(text, stream) for stream, text in rest.items()), default=len(self.lines))

    def _take(self, text: str, stream: str) -> int:
        self._changed = len(self.lines)
        self._stream = stream
        for token in _TOKEN.finditer(text):
            match token.lastgroup:
                case "text":
                    self._lines_of(token[0])
                case "control" | "stray":
                    self._control(token[0])
                case "final":
                    self._sequence(token["final"], token["parameters"])
                case "escape":
                    self._escape(token["escape"])
        return self._changed

    # -- writing

    def _lines_of(self, text: str) -> None:
        """Write text that has line feeds and tabs, and nothing else that is obeyed."""
        first, *others = text.split("\n")
        self._write_or_tab(first)
        for line in others:
            self._line_feed()
            self._write_or_tab(line)

    def _write_or_tab(self, text: str) -> None:
        """Tabs stay, so that a table that is copied keeps its columns; over what is there they only move on."""
        if self._column >= self._length or "\t" not in text:
            self._write(text)
            return
        before, _, after = text.partition("\t")
        self._write(before)
        if self._column < self._length:
            self._column += _TAB - self._column % _TAB
            self._write_or_tab(after)
        else:
            self._write(f"\t{after}")

    def _write(self, text: str) -> None:
        """Write where the cursor stands, over what is there."""
        if not text:
            return
        line = self._line()
        if self._column < self._length <= _WIDEST:
            _overwrite(line, self._column, Run(text, self._style, self._stream))
        else:
            if self._column > self._length:
                _append(line, Run(" " * (self._column - self._length), PLAIN, self._stream))
            _append(line, Run(text, self._style, self._stream))
            self._column = max(self._column, self._length)
        self._column += len(text)
        self._length = max(self._length, self._column)

    def _line(self) -> Line:
        """Return the line that the cursor stands in, which is about to change."""
        while len(self.lines) <= self._row:
            self._changed = min(self._changed, len(self.lines))
            self.lines.append([])
        self._changed = min(self._changed, self._row)
        return self.lines[self._row]

    def _control(self, char: str) -> None:
        match char:
            case "\x0b" | "\x0c":
                self._line_feed()
            case "\r":
                self._column = 0
            case "\b":
                self._column = max(0, self._column - 1)
            case _ if char not in _SILENT:
                self._write(printable(char))

    def _line_feed(self) -> None:
        line = self.lines[self._row] if self._row < len(self.lines) else []
        if line and LEFT_OUT.fullmatch(line[0].text):
            self._top = self._row + 1  # what moves the cursor after that knew other lines above it
        self._go(self._row + 1, 0)
        if self._row >= len(self.lines):
            self._line()

    # -- moving and erasing

    def _sequence(self, final: str, parameters: str) -> None:
        """Obey a control sequence; one that is not for this screen does nothing."""
        if final == "m":
            self._style = restyled(self._style, parameters) if not parameters.strip("0123456789;:") else self._style
            return
        first, second = [int(number) if number.isdigit() else 0 for number in f"{parameters};".split(";")[:2]]
        step = max(1, first)
        match final:
            case "A":
                self._move(self._row - step)
            case "B":
                self._move(self._row + step)
            case "C":
                self._move(self._row, self._column + step)
            case "D":
                self._move(self._row, self._column - step)
            case "E":
                self._move(self._row + step, 0)
            case "F":
                self._move(self._row - step, 0)
            case "G" | "`":
                self._move(self._row, step - 1)
            case "d":
                self._move(self._reach() + step - 1)
            case "H" | "f":
                self._move(self._reach() + step - 1, max(1, second) - 1)
            case "J":
                self._erase_screen(first)
            case "K":
                self._erase_line(first)
            case "s" | "u":
                self._keep_place(restore=final == "u")

    def _escape(self, text: str) -> None:
        match text:
            case "M":
                self._move(self._row - 1)
            case "7" | "8":
                self._keep_place(restore=text == "8")

    def _reach(self) -> int:
        """Return the first line that the cursor can be sent to."""
        return max(self._top, len(self.lines) - REACH)

    def _move(self, row: int, column: int | None = None) -> None:
        """Send the cursor to a place, or as near to it as it can be."""
        top = self._reach()
        self._go(min(max(row, top), max(top + REACH, len(self.lines)) - 1), self._column)
        if column is not None:
            self._column = min(max(column, 0), max(_COLUMNS, self._length))

    def _go(self, row: int, column: int) -> None:
        self._row, self._column = row, column
        self._length = _length(self.lines[row]) if row < len(self.lines) else 0

    def _keep_place(self, *, restore: bool) -> None:
        if restore:
            self._move(*self._saved)
        else:
            self._saved = self._row, self._column

    def _erase_line(self, which: int) -> None:
        if self._length > _WIDEST:
            return
        line = self._line()
        if which == 0:
            line[:] = _cut(line, 0, self._column)
        elif which == 1:
            blank = min(self._column + 1, self._length)
            _overwrite(line, 0, Run(" " * blank, PLAIN, self._stream))
        elif which == 2:
            line.clear()
        self._length = _length(line)

    def _erase_screen(self, which: int) -> None:
        """Erase what is below or above the cursor, or all that it reaches.

        What stands there when all of it is erased for the first time stays above: it is the log
        until then. Later on it is what was drawn since.
        """
        top = self._reach()
        if which in (0, 1):
            self._erase_line(which)
        if which == 0:
            del self.lines[self._row + 1 :]
            self._changed = min(self._changed, len(self.lines))
        elif which == 1:
            for row in range(top, min(self._row, len(self.lines))):
                self.lines[row].clear()
            self._changed = min(self._changed, top)
        elif self._cleared:
            del self.lines[top:]
            self._changed = min(self._changed, top)
            self._go(self._row, self._column)
        else:
            self._cleared = True
            self._top = len(self.lines) - (not any(self.lines[-1:]))
            self._go(self._top, self._column)


def _length(line: Sequence[Run]) -> int:
    return sum(len(run.text) for run in line)


def _append(line: Line, run: Run) -> None:
    """Add a run to a line, to the last one where both look the same."""
    if line and line[-1][1:] == run[1:] and len(line[-1].text) < _LONG_RUN:
        line[-1] = run._replace(text=line[-1].text + run.text)
    elif run.text:
        line.append(run)


def _overwrite(line: Line, start: int, run: Run) -> None:
    """Put a run into a line, over what is there."""
    if len(line) > _MOST_RUNS:
        line[:] = [Run("".join(one.text for one in line), PLAIN, run.stream)]
    after = _cut(line, start + len(run.text), _length(line))
    line[:] = _cut(line, 0, start)
    for one in (run, *after):
        _append(line, one)


def _cut(line: Sequence[Run], start: int, stop: int) -> Line:
    """Return what stands between two columns."""
    found, column = [], 0
    for run in line:
        text = run.text[max(0, start - column) : max(0, stop - column)]
        if text:
            found.append(run._replace(text=text))
        column += len(run.text)
    return found
