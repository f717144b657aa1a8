"""Files that a task has left, in a real browser: listed, looked into, saved, and text whatever they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from boards import violations
from browser import Pages
from panel_page import show_detail
from playwright.sync_api import expect

HOSTILE = "<img src=x onerror=\"window.hit=1\"> ' \u0416.csv"
FILES = [
    {"name": HOSTILE, "size": "12 bytes", "type": "text/csv"},
    {"name": "figures/plot.svg", "size": "1.2 MiB", "type": "image/svg+xml"},
]
TABLE = {
    "name": HOSTILE, "form": "grid", "head": ["n", "<b>"], "rows": [["1", "<script>window.hit=1</script>"]], "note": "",
}


def kept(**more: Any) -> dict[str, Any]:
    return {"files": FILES, "note": "", "look": {}, **more}


def test_files_are_listed_looked_into_and_saved(pages: Pages, tmp_path: Path) -> None:
    page = show_detail(pages, {"kept": kept(), "tab": "files"})
    rows = page.locator(".tqp-kept tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text(HOSTILE)
    rows.nth(0).get_by_title("Look into it").click()
    assert {"type": "look", "name": HOSTILE}.items() <= page.evaluate("window.sent.at(-1)").items()
    page.evaluate("kept => window.change({kept})", kept(look=TABLE))
    expect(page.locator(".tqp-kept-look")).to_contain_text("<script>window.hit=1</script>")
    expect(rows.nth(0).get_by_title("Look into it")).to_have_attribute("aria-pressed", "true")
    drawing = "<svg xmlns='http://www.w3.org/2000/svg' onload='parent.hit=1'><script>parent.hit=1</script></svg>"
    image = {
        "name": "figures/plot.svg", "form": "image", "text": "a plot", "source": f"data:image/svg+xml,{drawing}",
    }
    page.evaluate("kept => window.change({kept})", kept(look=image))
    expect(page.locator(".tqp-kept-look img")).to_be_visible()
    assert page.evaluate("window.hit === undefined")
    assert violations(page, ".tqp-detail") == []
    # When one is saved, it comes piece by piece and has the last part of its name.
    with page.expect_download() as download:
        rows.nth(1).get_by_role("button", name="Download").click()
        asked = page.evaluate("window.sent.at(-1)")
        assert (asked["type"], asked["form"], asked["name"]) == ("file", "kept", "figures/plot.svg")
        for offset, piece in ((0, [1, 2]), (2, [3])):
            page.evaluate("([message, piece]) => window.deliver(message, piece)", [
                {"type": "file", "request": asked["request"], "offset": offset, "size": 3}, piece,
            ])
    assert download.value.suggested_filename == "plot.svg"
    download.value.save_as(tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").read_bytes() == b"\1\2\3"


def test_a_task_that_keeps_no_files_has_no_tab_for_them(pages: Pages) -> None:
    page = show_detail(pages, {"kept": {}})
    tab = page.locator('[data-tab="files"][role="tab"]')
    expect(tab).to_be_hidden()
    page.get_by_role("tab", name="Result").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("window.traits.tab") == "code"
    page.evaluate("kept => window.change({kept})", kept(files=[], note="No file was kept."))
    expect(tab).to_be_visible()
