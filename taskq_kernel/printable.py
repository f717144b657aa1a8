"""Text that somebody else wrote, on a terminal.

A terminal obeys control characters: they move the cursor, rewrite what stands on the
screen, set the clipboard, answer as if somebody typed. Characters that turn the direction
of writing do as much to the order in which a line is read. All of them are shown here as
Julia and Python write them, ``\\x1b`` or ``\\u202e``, and none is obeyed.
"""

from __future__ import annotations

import re

#: Those that JSON allows in a string as they are: DEL, C1, line and paragraph separators, and what turns the direction
#: of writing. As the inside of a class of characters in a regular expression.
_IN_JSON = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
#: All that a terminal obeys, likewise: also C0 but tab and newline.
OBEYED = rf"\x00-\x08\x0b-\x1f{_IN_JSON}"
_OBEYED = re.compile(f"[{OBEYED}]")
_OBEYED_IN_JSON = re.compile(f"[{_IN_JSON}]")
#: Colours and faces of letters, as `taskq_kernel.terminal.style.sgr` writes them.
_COLOUR = re.compile("(\x1b\\[[0-9;]{0,60}m)")
_BREAKS = {"\t": "\\t", "\n": "\\n"}


def printable(text: str) -> str:
    """Return text with its lines and tabs, and every other control character shown."""
    return _OBEYED.sub(_escaped, text.replace("\r\n", "\n"))


def printable_but_colours(text: str) -> str:
    """Return text with its lines, tabs and colours, and every other control character shown."""
    parts = _COLOUR.split(text)
    parts[::2] = map(printable, parts[::2])
    return "".join(parts)


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
