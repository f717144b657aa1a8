"""Colours and faces of letters, as ECMA-48 has them under "select graphic rendition"."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

#: One of the 256 colours of xterm, or red, green and blue; None for the surroundings' own.
Colour = int | tuple[int, int, int] | None


class Style(NamedTuple):
    """How a piece of text looks.

    Colours 0 to 15 are those whose shade the reader's theme chooses: black, red, green,
    yellow, blue, magenta, cyan, white, and the same once more, bright.
    """

    bold: bool = False
    faint: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False
    strike: bool = False
    foreground: Colour = None
    background: Colour = None


PLAIN = Style()

#: What these numbers set. Blinking and hidden text are left out: a log is there to be read.
_FACES = {
    1: {"bold": True}, 2: {"faint": True}, 3: {"italic": True}, 4: {"underline": True}, 7: {"inverse": True},
    9: {"strike": True}, 21: {"underline": True}, 22: {"bold": False, "faint": False}, 23: {"italic": False},
    24: {"underline": False}, 27: {"inverse": False}, 29: {"strike": False},
}  # fmt: skip
_CODES = {"bold": 1, "faint": 2, "italic": 3, "underline": 4, "inverse": 7, "strike": 9}


@lru_cache(maxsize=4096)
def restyled(style: Style, parameters: str) -> Style:
    """Return a style after ``ESC [ parameters m``; what is no style changes nothing."""
    numbers = _numbers(parameters)
    for number in numbers:
        if number == 0:
            style = PLAIN
        elif number in _FACES:
            style = style._replace(**_FACES[number])
        elif number in (38, 48):
            found, colour = _extended(numbers)
            style = _painted(style, colour, background=number == 48) if found else style
        elif number in (39, 49):
            style = _painted(style, None, background=number == 49)
        elif number // 10 in (3, 4, 9, 10) and number % 10 < 8:
            bright = 8 if number >= 90 else 0
            style = _painted(style, number % 10 + bright, background=number // 10 in (4, 10))
    return style


def _numbers(parameters: str) -> Iterator[int]:
    """Yield the numbers between the semicolons; those between colons belong to the one before them.

    ``38:2::1:2:3`` has the number of a colour space, mostly none, which ``38;2;1;2;3`` has not.
    """
    for part in parameters.split(";"):
        first, *rest = part.split(":")
        if rest and first == "4":
            yield 24 if rest[0] == "0" else 4
            continue
        if rest[:1] == ["2"] and len(rest) > 4:
            del rest[1]
        yield from (int(text) if text else 0 for text in (first, *rest))


def _extended(numbers: Iterator[int]) -> tuple[bool, Colour]:
    """Read a colour of 256, or of red, green and blue, after 38 or 48."""
    kind = next(numbers, 0)
    parts = [next(numbers, 0) for _ in range({5: 1, 2: 3}.get(kind, 0))]
    if not parts or max(parts) > 255:
        return False, None
    return True, parts[0] if kind == 5 else (parts[0], parts[1], parts[2])


def _painted(style: Style, colour: Colour, *, background: bool) -> Style:
    return style._replace(background=colour) if background else style._replace(foreground=colour)


@lru_cache(maxsize=4096)
def sgr(style: Style) -> str:
    """Return what gives a terminal this style, whichever it had."""
    faces = [str(code) for name, code in _CODES.items() if getattr(style, name)]
    colours = [*_colour(style.foreground, 30), *_colour(style.background, 40)]
    return f"\x1b[{';'.join(['0', *faces, *colours])}m"


def _colour(colour: Colour, base: int) -> list[str]:
    if colour is None:
        return []
    if isinstance(colour, tuple):
        return [f"{base + 8};2;{';'.join(map(str, colour))}"]
    if colour < 16:
        return [str(base + colour if colour < 8 else base + 60 + colour - 8)]
    return [f"{base + 8};5;{colour}"]
