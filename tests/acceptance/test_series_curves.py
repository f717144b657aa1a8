"""What a task reports as series: small curves beside its result, which grow while it runs."""

from __future__ import annotations

import json
import math
import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from boards import Board, violations
from browser import Pages
from javascript import axe
from panel_page import show_detail
from playwright.sync_api import Locator, Page, expect
from taskq_widgets.panels.series import _shown

from taskq_kernel import Client

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)

STEPS = list(range(0, 1000, 10))
LOSS: dict[str, Any] = {"count": 1000, "steps": STEPS, "values": [10 * math.exp(-step / 150) + 1e-3 for step in STEPS]}
GAPS = {"count": 100, "steps": STEPS, "values": [None if 40 <= i < 50 else math.sin(i / 9) for i in range(100)]}
NONE = {"count": 1, "steps": [1], "values": [None]}

#: Reports until it is cancelled.
REPORTS = """
for i in 1:10^6
    report(i; loss = 1 / i)
    sleep(0.05)
end
"""



def curve(page: Page, name: str) -> Locator:
    return page.locator(".tqp-curve").filter(has=page.get_by_text(name, exact=True))


def with_series(pages: Pages, **options: object) -> Page:
    """Open a page with a task that has reported three series."""
    shown = [_shown(name, one) for name, one in (("loss", LOSS), ("energy", GAPS), ("odd", NONE))]
    traits = {
        "series": json.loads(json.dumps(shown, allow_nan=False)), "series_python": "series = q.task(1).series()",
        "result": {"form": "value", "text": "0.25", "python": "value = q.task(1).value", "files": ["json"]},
    }  # fmt: skip
    return show_detail(pages, traits, **options)


def test_each_series_is_a_curve_with_gaps_and_a_scale_of_powers_of_ten(pages: Pages) -> None:
    page = with_series(pages)
    expect(page.locator(".tqp-value")).to_have_text("0.25")
    area = curve(page, "loss").locator(".tqp-area")
    assert area.get_attribute("aria-label") == f"A line of loss, 1,000 reports, from {LOSS['values'][-1]} to 10.001"
    assert curve(page, "loss").locator("h4 b").inner_text() == "0.0146"
    assert (curve(page, "energy").locator(".tqp-line").get_attribute("d") or "").count("M") == 2
    expect(curve(page, "energy")).to_contain_text("100 reports; 10 are NaN or missing, and not drawn")
    expect(curve(page, "odd")).to_contain_text("No number so far")
    ticks = curve(page, "loss").locator(".tqp-axis-x .tqp-tick").all_text_contents()
    assert ticks == ["0", "200", "400", "600", "800"]
    # The pointer is told the step and the number in full.
    area.hover(position={"x": 2, "y": 20})
    expect(curve(page, "loss").locator("figcaption")).to_have_text(re.compile("^step "))
    step, number = curve(page, "loss").locator("figcaption").inner_text().removeprefix("step ").split(":  ")
    assert float(number) == LOSS["values"][STEPS.index(int(step))]
    # Powers of ten are for what is above zero.
    before = curve(page, "energy").locator(".tqp-line").get_attribute("d")
    scale = page.get_by_role("button", name="Log scale")
    scale.click()
    expect(scale).to_have_attribute("aria-pressed", "true")
    assert curve(page, "loss").locator(".tqp-axis-y .tqp-tick").all_text_contents() == ["0.01", "0.1", "1", "10"]
    assert curve(page, "energy").locator(".tqp-line").get_attribute("d") == before
    # One that grows is drawn anew, and nothing else of the panel.
    page.locator(".tqp-value").evaluate("one => { one.dataset.mine = 'yes' }")
    grown = _shown("loss", LOSS | {"count": 2000, "steps": [*STEPS, 2000], "values": [*LOSS["values"], 7.0]})
    page.evaluate("one => window.change({ series: [one, ...window.traits.series.slice(1)] })", grown)
    expect(curve(page, "loss").locator("h4 b")).to_have_text("7.0")
    expect(page.locator(".tqp-value")).to_have_attribute("data-mine", "yes")
    expect(scale).to_have_attribute("aria-pressed", "true")


def test_series_are_copied_saved_seen_large_and_taken_to_python(pages: Pages, tmp_path: Path) -> None:
    page = with_series(pages)
    section = page.get_by_role("region", name="Series")
    section.get_by_role("button", name="Copy").click()
    page.wait_for_function("window.sent.some(({type, form}) => type === 'file' && form === 'series')")
    text = "series,step,value\nloss,0,10.001\n"
    page.evaluate(
        """text => { const { request } = window.sent.find(({ form }) => form === 'series');
        const bytes = [...new TextEncoder().encode(text)];
        window.deliver({ type: 'file', request, offset: 0, size: bytes.length }, bytes) }""", text,
    )  # fmt: skip
    expect(section.get_by_role("button", name="Copied")).to_be_visible()
    section.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        section.get_by_role("button", name="SVG").click()
    assert download.value.suggested_filename == "task-1-series.svg"
    download.value.save_as(tmp_path / "series.svg")
    drawn = (tmp_path / "series.svg").read_text()
    assert drawn.count("<title>") == 2
    assert "loss: 1,000 reports" in drawn
    section.get_by_role("button", name="Enlarge").click()
    expect(page.get_by_role("dialog", name="The task's series").locator(".tqp-picture")).to_have_count(2)
    page.keyboard.press("Escape")
    section.get_by_role("button", name="Python").click()
    expect(section.locator("code")).to_have_text("series = q.task(1).series()")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_curves_are_for_everybody(pages: Pages, dark: bool) -> None:
    for width in (900, 390):
        page = with_series(pages, dark=dark, width=width)
        page.add_script_tag(content=axe())
        assert violations(page, ".tqp-detail") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        pages.shot(page, f"series-{width}-{'dark' if dark else 'light'}")


def test_the_curves_of_a_task_grow_on_the_board_while_it_runs(voila_board: Board, client: Client) -> None:
    board, name = voila_board, f"reporting {secrets.token_hex(4)}"
    task = client.submit(REPORTS, name=name)
    try:
        board.overview.get_by_role("button", name=re.compile("^All")).click()
        board.search(name)
        board.row(name).locator(".tq-open-task").click()
        said = board.detail.locator(".tqp-curve figcaption")
        expect(said).to_have_text(re.compile("^[0-9,]+ reports?$"), timeout=90_000)
        before = said.inner_text()
        expect(said).not_to_have_text(before, timeout=60_000)
    finally:
        task.cancel()
    expect(board.detail.locator(".tqp-task-header .tq-status")).to_have_attribute("data-status", "CANCELLED")
    expect(said).to_be_visible()
    board.detail.get_by_role("button", name="Close the task").click()
