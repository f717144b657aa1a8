"""A task's log on its way to the browser: what a page lacks of it, line by line."""

from __future__ import annotations

from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.terminal.levels import Level
from taskq_kernel.terminal.log import LogLine, ShownLog
from taskq_kernel.terminal.screen import Run
from taskq_kernel.terminal.style import PLAIN, Colour
from taskq_kernel.transport.graphql import GraphQLTransport

_OPEN = ("QUEUEING", "RUNNING")
_FACES = ("bold", "faint", "italic", "underline", "strike")
#: xterm's 16 colours, for what stands on a coloured ground: that is the task's own choice, and taken over as it is.
_BASIC = (
    "000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5",
    "7f7f7f", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff", "00ffff", "ffffff",
)  # fmt: skip


class PanelLog:
    """The log of one attempt of a task, as it is read piece by piece.

    Attributes
    ----------
    attempt : int
        The attempt; -1 before anything was read.
    complete : bool
        Whether nothing more comes.
    """

    def __init__(self) -> None:
        self.attempt = -1
        self.complete = False
        self._after: int | None = None
        self._log = ShownLog()

    def read(self, transport: GraphQLTransport, task_id: str) -> int | None:
        """Read what is new; return the first line that changed, None where the task has begun another attempt."""
        task, chunks = operations.logs(transport, task_id, self._after)
        if self.attempt not in (-1, task["attempt"]):
            return None
        self.attempt = task["attempt"]
        self.complete = task["status"] not in _OPEN
        self._after = chunks[-1]["seq"] if chunks else self._after
        first = self._log.feed(chunks)
        return min(first, self._log.finish()) if self.complete else first

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self._log)

    def message(self, first: int = 0) -> dict[str, Any]:
        """Return what a page is told that has all lines before ``first``."""
        return {
            "type": "log", "attempt": self.attempt, "complete": self.complete, "first": first,
            "lines": [line_for_page(line) for line in self._log.lines(first)],
        }  # fmt: skip


def line_for_page(line: LogLine) -> list[Any]:
    """Return a line as its level and its runs: each a text, its classes, and colours that have no class."""
    return [_level(line.level), *(_run(run) for run in line.runs)]


def _level(level: int | None) -> str:
    """Return the graver name between two: a page has colours for four levels."""
    if level is None:
        return ""
    return next((name for name in ("ERROR", "WARN", "INFO") if level >= Level[name]), "DEBUG").lower()


def _run(run: Run) -> list[str]:
    style = run.style
    if style == PLAIN:
        return [run.text, run.stream]
    fore, back = style.foreground, style.background
    if style.inverse:
        fore, back = back, fore
    classes = [run.stream, *(name for name in _FACES if getattr(style, name))]
    if back is not None:
        ground = _rgb(back)
        return [run.text, " ".join(classes), _rgb(fore) if fore is not None else _ink_on(ground), ground]
    if style.inverse:
        # The surroundings' own ink is the ground.
        ink = [] if fore is None else [_rgb(fore)]
        return [run.text, " ".join([*classes, "inverse"]), *ink]
    if fore is None:
        return [run.text, " ".join(classes)]
    if isinstance(fore, int) and fore < len(_BASIC):
        return [run.text, " ".join([*classes, f"colour-{fore}"])]
    return [run.text, " ".join([*classes, "coloured"]), _rgb(fore)]


def _rgb(colour: Colour) -> str:
    """Return one of xterm's 256 colours, or red, green and blue, as CSS."""
    if isinstance(colour, tuple):
        return "#{:02x}{:02x}{:02x}".format(*colour)
    if colour is None or colour < len(_BASIC):
        return f"#{_BASIC[colour or 0]}"
    if colour >= 232:
        return "#{0:02x}{0:02x}{0:02x}".format(8 + 10 * (colour - 232))
    steps = (0, 95, 135, 175, 215, 255)
    red, rest = divmod(colour - 16, 36)
    return f"#{steps[red]:02x}{steps[rest // 6]:02x}{steps[rest % 6]:02x}"


def _ink_on(ground: str) -> str:
    """Return black or white, whichever is read better on a ground (WCAG 2.1, relative luminance)."""
    parts = (int(ground[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"
