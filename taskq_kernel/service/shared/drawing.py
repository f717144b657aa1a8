"""Pictures as files: SVG, as the template writes it, and PNG, which resvg makes of that.

resvg runs in a process of its own. It would hold the interpreter, and with it all that the service does, for as long
as it draws, which is half a second for the largest picture; and a mistake of it ends that process and no more.
"""

from __future__ import annotations

import logging
import math
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskq_kernel.service.shared.picture import LEFT, WIDTH, Picture
from taskq_kernel.service.shared.templating import STYLE, rendered

log = logging.getLogger(__name__)

#: Dots of a PNG along one unit of the SVG: as sharp as a print of a third of a page needs.
SCALE = 2
#: How long the drawing of one may take, in seconds.
TIMEOUT_S = 30.0
#: A description that is longer is not drawn, in bytes: the largest heat map has 1 MiB.
LARGEST_BYTES = 8 << 20

#: What stands in a picture is drawn in this font wherever the service runs; letters that it lacks come from others.
_FONT = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
_FAMILY = "DejaVu Sans"
#: The program of the process that draws. Nothing is read but the font files: a picture refers to nothing.
_PROGRAM = f"""
import sys
from resvg_py import svg_to_bytes
drawn = svg_to_bytes(
    svg_string=sys.stdin.buffer.read().decode(), zoom={SCALE}, font_files=[{str(_FONT)!r}], font_family={_FAMILY!r},
    sans_serif_family={_FAMILY!r},
)
sys.stdout.buffer.write(drawn)
"""
#: What XML admits nowhere, and `printable` leaves.
_NO_XML = re.compile("[\ufffe\uffff]")
_DARK_AND_PRINT = re.compile(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_VARIABLE = re.compile(r"(--\w+): ([^;]+);")


class NotDrawn(Exception):
    """A picture cannot be had as PNG; the log says why."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A colour below a picture, and what it stands for: where it is, its class in the style, and its text."""

    x: float
    y: float
    style: str
    text: str


def svg_of(drawn: Picture) -> bytes:
    """A picture as an SVG file, with what tells its colours apart below it."""
    return _svg(drawn, STYLE)


def png_of(drawn: Picture) -> bytes:
    """A picture as a PNG, `SCALE` times as large as the SVG, as it is in the light.

    Raises
    ------
    NotDrawn
        If it cannot be had.
    """
    svg = _svg(drawn, _without_variables(STYLE), plain=True)
    if len(svg) > LARGEST_BYTES:
        log.warning("a picture is not drawn: its SVG has %d bytes", len(svg))
        raise NotDrawn
    try:
        # -P: no module of the folder that the service happens to have been started in.
        done = subprocess.run(
            [sys.executable, "-P", "-c", _PROGRAM], input=svg, capture_output=True, timeout=TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        log.warning("a picture is not drawn: %s %s", type(error).__name__, said.decode("utf-8", "replace")[-1000:])
        raise NotDrawn from None
    return done.stdout


def _svg(drawn: Picture, style: str, *, plain: bool = False) -> bytes:
    """A picture with its key; a ``plain`` one without what is read only where the pointer rests."""
    entries, height = _key(drawn)
    size = (drawn.size[0], drawn.size[1] + height)
    text = rendered("picture.svg", drawn=drawn, own_style=style, entries=entries, file_size=size, plain=plain).decode()
    return _NO_XML.sub("\ufffd", text).encode()


def _key(drawn: Picture) -> tuple[list[KeyEntry], float]:
    """What stands below a picture, and how much room that takes."""
    texts: Sequence[str]
    if drawn.key and drawn.lines:
        styles, texts, columns = [f"k{line.colour}" for line in drawn.lines], [one.label for one in drawn.lines], 2
    elif drawn.shades:
        styles, texts, columns = [f"s{place}" for place in range(len(drawn.shades))], drawn.shades, 5
    else:
        return [], 0.0
    top, width = drawn.size[1] + 32, WIDTH / columns
    entries = [
        KeyEntry(LEFT + place % columns * width, top + place // columns * 18, style, text)
        for place, (style, text) in enumerate(zip(styles, texts, strict=True))
    ]
    return entries, 40.0 + 18.0 * math.ceil(len(entries) / columns)


def _without_variables(style: str) -> str:
    """The style in the light, with the colours in the places of the variables: resvg knows none."""
    light = _DARK_AND_PRINT.sub("", style)
    colours = dict(_VARIABLE.findall(light))
    return re.sub(r"var\((--\w+)\)", lambda found: colours[found[1]], light)
