"""Pictures of results in a real browser: every number of note is seen, with axes that tell the truth."""

from __future__ import annotations

import math
from typing import Any

import pytest
from browser import Pages
from javascript import axe
from panel_page import show_result
from playwright.sync_api import Page, expect
from taskq_widgets.panels.results import present

NAN = {"$float": "NaN"}
PEAK = [0.0] * 12_344 + [1.0] + [0.0] * 87_655
GAPS = [*(math.sin(i / 20) for i in range(150)), *[NAN] * 20, 0.5, *[NAN] * 29, *(math.sin(i / 20) for i in range(200))]
MATRIX = [[NAN if (i, j) == (3, 4) else math.sin(i / 8) * math.cos(j / 11) for j in range(60)] for i in range(40)]


def path(page: Page, kind: str) -> str:
    return page.locator(f".tqp-{kind}").get_attribute("d") or ""


def labels(page: Page, side: str) -> list[str]:
    return page.locator(f".tqp-picture > .tqp-axis-{side} .tqp-tick").all_text_contents()


def test_a_single_peak_among_many_numbers_is_seen(pages: Pages) -> None:
    page = show_result(pages, present("JSON", PEAK))
    heights = {float(point.split()[1]) for point in path(page, "line").replace("M", "L").split("L") if point}
    assert max(heights) - min(heights) > 800  # of 1,000
    assert labels(page, "y") == ["0", "0.5", "1.0"]
    assert labels(page, "x") == ["1", "20,000", "40,000", "60,000", "80,000", "100,000"]


def test_gaps_stay_gaps_and_a_number_alone_between_them_is_a_dot(pages: Pages) -> None:
    page = show_result(pages, present("JSON", GAPS))
    assert path(page, "line").count("M") == 3
    assert path(page, "dots").count("M") == 1
    expect(page.locator("figcaption")).to_have_text("400 numbers; 49 are NaN or missing, and not drawn")


def test_the_pointer_is_told_the_number_it_is_at_in_full(pages: Pages) -> None:
    page = show_result(pages, present("JSON", [0.1 + 0.2, 1, 2, 3, 1e-9]))
    area = page.locator(".tqp-area")
    area.hover(position={"x": 2, "y": 20})
    expect(page.locator("figcaption")).to_have_text("[1]  0.30000000000000004")
    page.mouse.move(0, 0)
    expect(page.locator("figcaption")).to_have_text("5 numbers")


def test_a_matrix_is_a_heat_map_with_the_first_row_at_the_top(pages: Pages) -> None:
    page = show_result(pages, present("JSON", [[float(10 * i + j) for j in range(8)] for i in range(4)]))
    pixels = page.locator("canvas").evaluate(
        "one => [[0, 0], [7, 3]].map(at => [...one.getContext('2d').getImageData(...at, 1, 1).data])"
    )
    assert pixels == [[68, 1, 84, 255], [253, 231, 37, 255]]
    assert page.locator(".tqp-colours .tqp-tick").all_text_contents() == ["0", "10", "20", "30"]
    page.locator(".tqp-area").hover(position={"x": 3, "y": 3})
    expect(page.locator("figcaption")).to_have_text("[1, 1]  0")


def test_a_number_that_is_none_leaves_its_cell_out(pages: Pages) -> None:
    page = show_result(pages, present("JSON", MATRIX))
    alpha = page.locator("canvas").evaluate("one => one.getContext('2d').getImageData(4, 3, 1, 1).data[3]")
    assert alpha == 0


def test_the_last_block_of_a_thinned_matrix_is_no_larger_than_what_it_stands_for(pages: Pages) -> None:
    page = show_result(pages, present("JSON", [[0.0] * 129 for _ in range(129)]))
    page.locator(".tqp-area").scroll_into_view_if_needed()
    area, canvas = page.locator(".tqp-area").bounding_box(), page.locator("canvas").bounding_box()
    assert area is not None
    assert canvas is not None
    assert canvas["width"] / area["width"] == pytest.approx(130 / 129, rel=0.01)


def test_another_slice_is_asked_for_and_the_keyboard_stays_where_it_was(pages: Pages) -> None:
    data = [[[i + j + k for k in range(3)] for j in range(5)] for i in range(4)]
    page = show_result(pages, present("JSON", data))
    slider = page.get_by_role("slider", name="Slice")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("window.sent.filter(({type}) => type === 'slice').map(({at}) => at)") == [1]
    page.evaluate("result => window.change({result})", present("JSON", data, at=1))
    expect(page.locator(".tqp-slices output")).to_have_text("[:, :, 2]")
    expect(slider).to_be_focused()


def test_what_is_cut_can_be_had_whole(pages: Pages) -> None:
    data = {"s": "word " * 500}
    page = show_result(pages, present("JSON", data))
    page.get_by_role("button", name="Show all").click()
    assert page.evaluate("window.sent.filter(({type}) => type === 'whole').length") == 1
    page.evaluate("result => window.change({result})", present("JSON", data, whole=True))
    expect(page.locator("td")).to_have_text(data["s"])
    expect(page.get_by_role("button", name="Show all")).to_have_count(0)


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-1e-7, 1e-7, ["-1.0e-7", "-5e-8", "0", "5e-8", "1.0e-7"]),
        (0, 3e6, ["0", "1e6", "2e6", "3e6"]),
        (999999999.999, 1000000000.001, ["999999999.9990", "999999999.9995", "1000000000.0000", "1000000000.0005",
                                         "1000000000.0010"]),
        (-1.7e308, 1.7e308, ["-1e308", "0", "1e308"]),
        (1e300, 1e300 * (1 + 2**-52), ["1e+300", "1.0000000000000002e+300"]),
        (5e-324, 1e-323, ["5e-324", "1e-323"]),
    ],
)  # fmt: skip
def test_ticks_are_few_round_and_different(pages: Pages, low: float, high: float, shown: list[str]) -> None:
    page = show_result(pages, present("JSON", [[low, high] * 4, [low, high] * 4]))
    assert page.locator(".tqp-colours .tqp-tick").all_text_contents() == shown


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(
    "value", [PEAK, GAPS, MATRIX, [[[1.0, 2.0]] * 5] * 9], ids=["peak", "gaps", "matrix", "slices"]
)
def test_pictures_fit_and_can_be_read_by_all(pages: Pages, value: Any, width: int, dark: bool) -> None:
    page = show_result(pages, present("JSON", value), dark=dark, width=width)
    inside = page.evaluate("""() => [...document.querySelectorAll('.tqp-picture, .tqp-picture .tqp-tick')]
      .every(one => { const {left, right} = one.getBoundingClientRect(); return left >= 0 && right <= innerWidth; })""")
    assert inside
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate(axe())
    found = page.evaluate("axe.run('main')")
    assert [problem["id"] for problem in found["violations"] if problem["impact"] in ("serious", "critical")] == []
