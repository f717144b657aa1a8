"""Pictures as files: what stands in a PNG, whatever a task has put into names, and what is not drawn."""

from __future__ import annotations

import io
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from resvg_py import svg_to_bytes

from taskq_kernel.service.shared import drawing
from taskq_kernel.service.shared.drawing import SCALE, NotDrawn, png_of, svg_of
from taskq_kernel.service.shared.picture import RIGHT, WIDTH, Picture, Series, draw_heat_map, draw_lines

#: Texts that would be more than text in SVG or in XML, or have no place in either.
HOSTILE = (
    "</text><image href='file:///etc/passwd'/>", "<script>alert(1)</script>", "]]><!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
    "</style><style>*{display:none}", "\x00\x1b]0;owned\x07", "\ufffe\uffff", "\ud800", "\u202egnp.exe",
    "&amp;{{ 7*7 }}", "x" * 100_000,
)  # fmt: skip


def lines(label: str = "euler", x_label: str = "n") -> Picture:
    """Two lines with a key."""
    x = [float(place) for place in range(20)]
    found = draw_lines(
        [Series(x, [math.sin(place) for place in x], label), Series(x, x, "heun")],
        x_label=x_label, y_label=label, key=label, about=label,
    )  # fmt: skip
    assert found is not None
    return found


def heat_map(side: int, name: str = "n") -> Picture:
    """A cell for each pair of two numbers."""
    table = {(float(x), float(y)): float(x * y) for x in range(side) for y in range(side)}
    found = draw_heat_map(table, x_label=name, y_label=name, key="value", about="a map")
    assert found is not None
    return found


def pixels(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A PNG as rows of red, green and blue."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def colours(png: bytes) -> set[str]:
    """The colours that a PNG has."""
    packed = pixels(png).astype("uint32") @ np.array([1 << 16, 1 << 8, 1], "uint32")
    return {f"#{colour:06x}" for colour in np.unique(packed).tolist()}


def tags(svg: bytes) -> set[str]:
    """The elements of an SVG."""
    return {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}  # noqa: S314  (our own)


def test_a_png_has_the_lines_their_key_and_the_letters_in_the_colours_of_the_page_in_the_light() -> None:
    picture = lines()
    png = png_of(picture)
    assert {"#ffffff", "#0b57c2", "#b04300", "#1c1f24"} <= colours(png)
    image = pixels(png)
    width, height = (round(SCALE * side) for side in picture.size)
    assert image.shape[1] == width
    assert image.shape[0] > height
    assert (image[height:] == (0x0B, 0x57, 0xC2)).all(axis=-1).any(), "the key below has the colour of the first line"


def test_a_png_of_a_heat_map_has_its_shades_and_a_key_of_them() -> None:
    png = png_of(heat_map(12))
    assert {"#440154", "#21918c", "#fde725"} <= colours(png)
    key = pixels(png)[round(SCALE * heat_map(12).size[1]):]
    assert (key == (0xFD, 0xE7, 0x25)).all(axis=-1).any()


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_stands_in_a_name_is_text_in_both_files(text: str) -> None:
    picture = lines(text, text)
    assert tags(svg_of(picture)) == tags(svg_of(lines()))
    assert {"#ffffff", "#0b57c2", "#b04300"} <= colours(png_of(picture))


def test_the_largest_heat_map_with_the_longest_names_is_drawn() -> None:
    assert len(colours(png_of(heat_map(100, "<" * 200)))) >= 9


def test_the_font_that_comes_along_has_the_letters_of_labels() -> None:
    def drawn(letter: str) -> bytes:
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><text y="15">{letter}</text></svg>'
        return svg_to_bytes(
            svg, skip_system_fonts=True, font_files=[str(drawing._FONT)], font_family=drawing._FAMILY
        )

    letters = "Aaz09-+.,()[]%äéβλΔΣ∂∇√∞≈≤×·²₀→\N{CYRILLIC SMALL LETTER ZHE}ħ"
    shapes = {drawn(letter) for letter in (*letters, "\N{HANGUL SYLLABLE GA}", " ")}
    assert len(shapes) == len(letters) + 2, "each looks like no other, nor like one that is missing"


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "import no_such_module", "while True: pass"])
def test_what_the_process_does_not_draw_is_told_and_no_error_of_the_service(
    program: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(drawing, "_PROGRAM", program)
    monkeypatch.setattr(drawing, "TIMEOUT_S", 2.0)
    with pytest.raises(NotDrawn):
        png_of(lines())
    assert "a picture is not drawn" in caplog.text


def test_a_description_that_is_too_long_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "LARGEST_BYTES", 1_000)
    with pytest.raises(NotDrawn):
        png_of(lines())


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.9112, 0.9121), (-1.3e-5, -1.2e-5), (1.2e-300, 3e300)])
def test_the_numbers_beside_an_axis_do_not_run_into_its_label(low: float, high: float) -> None:
    drawn = draw_lines([Series([0.0, 1.0], [low, high])], x_label="n", y_label="Magnetization", about="a line")
    assert drawn is not None
    png = pixels(png_of(drawn))
    beside = png[:, : png.shape[1] - int(SCALE * (WIDTH + RIGHT)) - SCALE * 8]  # left of the axis with its marks
    ink = (beside < 250).any(axis=(0, 2))
    first, last = np.nonzero(ink)[0][[0, -1]]
    between = np.split(ink[first:last], np.nonzero(ink[first:last])[0])
    assert first >= SCALE
    assert max(map(len, between)) > 3 * SCALE
