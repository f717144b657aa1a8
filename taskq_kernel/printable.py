"""Text that somebody else wrote, on a terminal.

A terminal obeys control characters: they move the cursor, rewrite what stands on the
screen, set the clipboard, answer as if somebody typed. Characters that turn the direction
of writing do as much to the order in which a line is read. All of them are shown here as
Julia and Python write them, ``\\x1b`` or ``\\u202e``, and none is obeyed.
"""

from __future__ import annotations

import re

#: C0 but tab and newline, DEL, C1, line and paragraph separators, and what turns the direction of writing.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
#: Those of them that JSON allows in a string as they are.
_OBEYED_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BREAKS = {"\t": "\\t", "\n": "\\n"}
#: Colours and faces of letters ("select graphic rendition"): all that a terminal is sent of a log.
_COLOUR = re.compile("\x1b\\[[0-9;:]{0,40}m")
#: What may become a colour with the next piece of text.
_BEGUN = re.compile("(?:\x1b(?:\\[[0-9;:]{0,40})?|\r)$")
_RESET = "\x1b[0m"


def printable(text: str) -> str:
    """Return text with its lines and tabs, and every other control character shown."""
    return _OBEYED.sub(_escaped, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return text as one line: line ends and tabs are shown too."""
    return re.sub("[\t\n]", lambda found: _BREAKS[found[0]], printable(text))


def printable_json(data: bytes) -> bytes:
    """Return JSON that means the same and holds no control character."""
    text = data.decode("utf-8", "replace")
    return _OBEYED_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "\\r" if code == 13 else f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class ColouredLog:
    """A log on its way to a terminal, piece by piece: with its colours, and nothing else that is obeyed.

    A carriage return, with which progress meters write over their line, ends the line.
    """

    def __init__(self) -> None:
        self._begun = ""
        self._coloured = False

    def feed(self, text: str) -> str:
        """Return what a terminal is sent for the next piece."""
        text = self._begun + text
        begun = _BEGUN.search(text)
        self._begun = begun[0] if begun else ""
        return self._shown(text[: len(text) - len(self._begun)])

    def finish(self) -> str:
        """Return what a terminal is sent at the end: the surroundings keep their colour."""
        rest = self._shown(self._begun)
        self._begun = ""
        return rest + (_RESET if self._coloured else "")

    def _shown(self, text: str) -> str:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        colours = _COLOUR.findall(text)
        self._coloured = self._coloured or bool(colours)
        between = map(printable, _COLOUR.split(text))
        return "".join(part for pair in zip(between, [*colours, ""], strict=True) for part in pair)
