"""How a result was made, in the panel in a real browser: facts, *Reproduce* with its verdict, and exports."""

from __future__ import annotations

import re

from browser import Pages
from panel_page import show_detail
from playwright.sync_api import expect

MADE = {
    "facts": [
        ["What", "Task", "1 (a task)"], ["What", "Seed", "42"], ["Where", "Julia", "1.10.4"],
        ["Where", "Linear algebra", "libopenblas64_ (OpenBLAS 0.3.23  USE64BITINT DYNAMIC_ARCH NO_AFFINITY Zen)"],
        ["Cost", "Duration", "250 ms"], ["Cost", "Peak memory", "1.5 GiB"],
    ],
    "endings": {"script": "jl", "notebook": "ipynb", "crate": "crate.zip", "cite": "bib"}, "reproducible": True,
}  # fmt: skip


def test_the_panel_says_how_a_result_was_made_and_runs_it_again(pages: Pages) -> None:
    page = show_detail(pages, {"tab": "made", "made": MADE, "again": {}})
    expect(page.get_by_role("tab", name="How this was made")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("libopenblas64_")).to_be_visible()
    again = page.get_by_role("button", name="Reproduce")
    again.click()
    assert page.evaluate("window.sent.some(content => content.type === 'reproduce')")
    page.evaluate("window.change({again: {state: 'running', text: 'Task 2 runs it again.'}})")
    expect(again).to_be_disabled()
    page.evaluate("window.change({again: {state: 'same', text: 'task 1 again, as task 2: same bits'}})")
    expect(page.get_by_role("status").filter(has_text="same bits")).to_be_visible()
    expect(again).to_be_enabled()


def test_an_export_is_saved_under_the_tasks_number(pages: Pages) -> None:
    page = show_detail(pages, {"tab": "made", "made": MADE, "again": {}})
    page.get_by_role("button", name="Script").click()
    asked = page.evaluate("window.sent.find(content => content.type === 'file')")
    assert asked["form"] == "script"
    with page.expect_download() as saved:
        page.evaluate(
            "request => window.deliver({type: 'file', request, offset: 0, size: 2}, [111, 107])", asked["request"]
        )
    assert saved.value.suggested_filename == "task-1.jl"
    assert saved.value.path().read_text("utf-8") == "ok"


def test_who_may_change_nothing_is_offered_exports_and_no_action(pages: Pages) -> None:
    traits = {"made": MADE, "again": {}, "editable": True, "code": [["", "1 + 1"]], "may_change": False}
    page = show_detail(pages, traits | {"tab": "made"})
    actions = page.get_by_role("button", name=re.compile("Run again|Retry|Cancel|Share|Reproduce|Edit and resubmit"))
    expect(page.get_by_role("button", name=re.compile("Script|Notebook|RO-Crate|Cite"))).to_have_count(4)
    expect(actions).to_have_count(0)
    page.evaluate("window.change({tab: 'code'})")
    expect(page.get_by_role("button", name="Copy")).to_be_visible()
    expect(actions).to_have_count(0)
    page.evaluate("window.change({may_change: true})")
    expect(actions).to_have_text(["Run again", "Share", "Edit and resubmit"])


def test_what_is_no_result_is_neither_reproduced_nor_exported(pages: Pages) -> None:
    page = show_detail(pages, {"tab": "made", "made": MADE | {"endings": {}, "reproducible": False}})
    expect(page.get_by_text("250 ms")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Reproduce|Script|Notebook|RO-Crate|Cite"))).to_have_count(0)
