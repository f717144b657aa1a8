"""The board in a real browser, on a real stack: in the dashboard and in JupyterLab."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from boards import Board, choose_theme, save_notebook, violations
from browser import Pages
from playwright.sync_api import expect

from taskq_kernel import Client

if TYPE_CHECKING:
    from stacks import RunningStack  # the one beside the test folders

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("nothing_refused")]

#: The typefaces of everything on the board that holds text itself.
TYPEFACES = """() => [...new Set([...document.querySelectorAll('.tq-board .tq *')]
  .filter(one => [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()))
  .map(one => getComputedStyle(one).fontFamily))].sort()"""
#: How the text of an element is set.
SETTING = """one => ['fontFamily', 'fontSize', 'lineHeight', 'whiteSpace', 'wordBreak', 'margin', 'padding']
  .map(name => getComputedStyle(one)[name])"""
expect.set_options(timeout=30_000)


# -- reading


def test_a_failing_task_shows_its_error_with_the_users_line_first(board: Board, name: str) -> None:
    board.submit_task("half(x) = sqrt(x) / 2\nhalf(-1.0)", name)
    expect(board.chip(name)).to_have_text("Failed")
    expect(board.detail.get_by_role("tab", name="Error")).to_have_attribute("aria-selected", "true")
    expect(board.detail.locator(".tqp-error-name")).to_contain_text("DomainError in line 1")
    expect(board.detail.locator(".tqp-trace").first).to_contain_text("half(x) = sqrt(x) / 2")
    expect(board.row(name).locator(".tq-cell-value")).to_contain_text("DomainError")


def test_the_log_of_a_running_task_grows_while_it_is_read(board: Board, name: str, effects: Path) -> None:
    end = effects / "end"
    wait = f'while i < 4 && !isfile("{end}")\n        sleep(0.05)\n    end'
    board.submit_task(f'for i in 1:4\n    println("line ", i)\n    {wait}\nend', name)
    expect(board.detail.locator("h2")).to_contain_text(name)
    board.detail.get_by_role("tab", name="Log").click()
    expect(board.detail.locator(".tqp-log")).to_contain_text("line 1")
    expect(board.detail.locator(".tq-status")).to_have_text("Running")
    end.touch()
    expect(board.detail.locator(".tqp-log")).to_contain_text("line 4")


def test_a_task_is_opened_from_the_table_and_edited_and_resubmitted(board: Board, client: Client, name: str) -> None:
    client.submit("a + 1", name=name, arguments={"a": 41}).result(60)
    board.row(name).locator(".tq-open-task").click()
    expect(board.detail.locator(".tqp-value")).to_have_text("42")
    board.detail.get_by_role("tab", name="Code").click()
    expect(board.detail.locator(".tqp-code")).to_have_text("a + 1")
    board.detail.get_by_role("button", name="Copy", exact=True).click()
    expect(board.detail.get_by_role("button", name="Copied")).to_be_visible()
    assert board.page.evaluate("navigator.clipboard.readText()") == "a + 1"
    board.detail.get_by_role("button", name="Edit and resubmit").click()
    expect(board.form.get_by_label("Name", exact=True)).to_have_value(name)
    board.form.get_by_label("Value of argument 1").fill("1")
    board.submit.click()
    expect(board.detail.locator(".tqp-value")).to_have_text("2")
    board.clear_arguments()
    board.detail.get_by_role("tab", name="History").click()
    expect(board.detail.locator("tbody tr")).to_have_count(3)


def test_a_finished_task_is_run_again_as_a_new_one_that_names_it(board: Board, client: Client, name: str) -> None:
    first = client.submit("string(time_ns())", name=name)
    value = first.result(60)
    board.row(name).locator(".tq-open-task").click()
    expect(board.detail.locator(".tqp-value")).to_have_text(value)
    board.detail.get_by_role("button", name="Run again").click()
    expect(board.detail.locator(".tqp-facts")).to_contain_text(f"repeats {first.number}")
    expect(board.detail.locator(".tq-status")).to_have_text("Finished")
    expect(board.detail.locator(".tqp-value")).not_to_have_text(value)
    expect(board.row(name)).to_have_count(2)
    assert (first.refresh().result(), first.attempt) == (value, 1)


def test_a_task_from_the_cache_names_whose_value_it_has_and_opens_it(board: Board, client: Client, name: str) -> None:
    code = f'"{name}", time_ns()'
    first = client.submit(code, name=f"{name} first", cache=True)
    first.result(60)
    client.submit(code, name=name, cache=True)
    board.row(name).last.locator(".tq-open-task").click()
    expect(board.detail.locator(".tqp-facts")).to_have_text(f"value of {first.number}")
    board.detail.get_by_role("button", name=f"Open task {first.number}").click()
    expect(board.detail.locator("h2")).to_contain_text(f"{first.number} {name} first")


def test_what_a_task_says_is_text_and_never_html(board: Board, client: Client, name: str) -> None:
    evil = f"{name}<img src=x onerror=window.bitten=1>"
    code = (
        'struct H end\nBase.show(io::IO, ::MIME"text/html", ::H) = '
        'print(io, "<h1>shown</h1><script>parent.window.bitten = 1</script>",\n'
        '    "<img src=x onerror=parent.window.bitten=1>")\nH()'
    )
    client.submit(code, name=evil).result(60)
    board.search(name)
    board.row(evil).locator(".tq-open-task").click(position={"x": 8, "y": 8})  # what an open task leaves of it in sight
    frame = board.detail.frame_locator("iframe")
    expect(frame.locator("h1")).to_have_text("shown")
    expect(board.detail.locator("h2")).to_contain_text("<img src=x")
    assert board.page.evaluate("window.bitten") is None


# -- the table


def confirm(board: Board, action: str, count: int) -> None:
    """Act on the selection, and confirm that so many are meant."""
    expect(board.table.locator(".tq-chosen-count")).to_contain_text("selected")
    board.table.locator(f"[data-action={action}]").click()
    board.page.get_by_role("dialog").get_by_role("button", name=re.compile(f"{action} {count} task", re.I)).click()


def test_tasks_are_filtered_selected_cancelled_retried_and_deleted(board: Board, client: Client, name: str) -> None:
    tasks = client.submit_many([{"code": "sleep(120)", "name": f"{name} {place}"} for place in "abcd"])
    try:
        board.search(name)
        expect(board.chip(f"{name} d")).to_be_visible()

        board.sort("Name", "ascending")
        expect(board.table.locator(".tq-row[aria-rowindex='2'] .tq-cell-name")).to_have_text(f"{name} a")

        for place in "ab":
            board.row(f"{name} {place}").locator("input").check()
        expect(board.table.locator(".tq-chosen-count")).to_have_text("2 selected")
        confirm(board, "cancel", 2)
        for place in "ab":
            expect(board.chip(f"{name} {place}")).to_have_text("Cancelled")

        board.overview.get_by_role("button", name=re.compile("^Cancelled")).click()
        expect(board.row(f"{name} c")).to_have_count(0)
        expect(board.row(f"{name} a")).to_have_count(1)
        board.overview.get_by_role("button", name=re.compile("^All")).click()
        expect(board.row(f"{name} c")).to_have_count(1)

        confirm(board, "retry", 2)
        expect(board.chip(f"{name} a")).not_to_have_text("Cancelled")

        board.table.get_by_role("checkbox", name="Select the rows on this screen").check()
        expect(board.table.locator(".tq-chosen-count")).to_have_text("4 selected")
        confirm(board, "delete", 4)
        expect(board.row(f"{name} a")).to_have_count(0)
        assert len(client.frame(batch=tasks)) == 0
    finally:
        client.delete(batch=tasks)
        board.search("")
        board.newest_first()


# -- pages


def test_two_browsers_see_each_others_tasks(voila_board: Board, lab_board: Board, name: str) -> None:
    voila_board.search("")
    lab_board.search("")
    voila_board.submit_task("1 + 1", f"{name} from the dashboard")
    expect(lab_board.chip(f"{name} from the dashboard")).to_have_text("Finished")
    lab_board.submit_task("2 + 2", f"{name} from the notebook")
    expect(voila_board.chip(f"{name} from the notebook")).to_have_text("Finished")


def test_everything_is_there_again_after_the_page_is_reloaded(board: Board, name: str) -> None:
    board.submit_task("3 + 4", name)
    expect(board.chip(name)).to_have_text("Finished")
    if "/lab" in board.page.url:
        save_notebook(board.page)
    board.page.reload()
    board.ready()
    expect(board.chip(name)).to_have_text("Finished")
    board.row(name).locator(".tq-open-task").click()
    expect(board.detail.locator(".tqp-value")).to_have_text("7")


def test_the_board_catches_up_after_the_service_was_away(
    pages: Pages, voila_board: Board, lab_board: Board, stack: RunningStack, name: str
) -> None:
    stack.local.stop(["service"])
    try:
        for board in (voila_board, lab_board):
            board.overview.scroll_into_view_if_needed()
            expect(board.overview.locator(".tq-banner")).to_contain_text("The service is away")
            board.write("5 + 6", name)
            expect(board.submit).to_be_disabled()
            expect(board.form.locator(".tqp-reason")).to_contain_text("What you typed is kept")
            board.overview.scroll_into_view_if_needed()
            pages.shot(board.page, f"away-{'lab' if board is lab_board else 'voila'}")
    finally:
        stack.local.up()
    for board in (voila_board, lab_board):
        board.overview.scroll_into_view_if_needed()
        expect(board.overview.locator(".tq-banner")).to_have_text("")
        expect(board.form.get_by_label("Name", exact=True)).to_have_value(name)
    expect(voila_board.submit).to_be_enabled()
    voila_board.submit.click()
    for board in (voila_board, lab_board):
        board.search("")
        expect(board.chip(name)).to_have_text("Finished")


# -- how it looks, and who can use it


def test_axe_finds_nothing_serious_in_the_light_and_in_the_dark(
    pages: Pages, board: Board, client: Client, name: str
) -> None:
    client.submit('println("heard"); println(stderr, "warned"); error("as told")', name=f"{name} failed").wait(60)
    client.submit("[1.0, 2.0, 5.0, 3.0, 4.0]", name=name, arguments={"n": 1}).wait(60)
    board.search(name)
    try:
        for theme in ("dark", "light"):
            choose_theme(board, theme)
            board.write("x = (1,", name)  # the editor shows where it is wrong
            expect(board.form.locator(".tqp-reason")).to_contain_text("Line 1")
            board.row(f"{name} failed").locator(".tq-open-task").click()
            expect(board.detail.locator(".tqp-error-name")).to_be_visible()
            assert violations(board.page) == []
            board.row(name).filter(has_not_text="failed").locator(".tq-open-task").click()
            expect(board.detail.locator(".tqp-picture")).to_be_visible()
            for tab in ("Result", "Code", "Log", "History"):
                board.detail.get_by_role("tab", name=tab).click()
                assert violations(board.page, ".tqp-detail") == []
            if board.table.get_attribute("data-size") != "narrow":  # where there are cards, there are no columns
                board.table.get_by_role("button", name="Columns").click()
                expect(board.table.get_by_label("As many as fit")).to_be_focused()
                assert violations(board.page, ".tq-table") == []
                board.page.keyboard.press("Escape")
            board.table.get_by_role("checkbox", name="Select the rows on this screen").check()
            board.table.locator("[data-action=delete]").click()
            expect(board.page.get_by_role("dialog")).to_contain_text("Delete 2 tasks?")
            assert violations(board.page, ".tq-table") == []
            pages.shot(board.page, f"{'lab' if '/lab' in board.page.url else 'voila'}-dialog-{theme}")
            board.page.keyboard.press("Escape")
            board.table.get_by_role("button", name="Clear the selection").click()
    finally:
        choose_theme(board, "light")
        board.search("")


def test_code_and_logs_are_set_alike_in_both_and_all_else_in_one_typeface(
    voila_board: Board, lab_board: Board, client: Client, name: str
) -> None:
    client.submit('println("heard"); error("as told")', name=name).wait(60)
    looks = []
    for board in (voila_board, lab_board):
        board.search("")
        board.row(name).locator(".tq-open-task").click()
        expect(board.detail.locator("h2")).to_contain_text(name)
        look = [board.page.evaluate(TYPEFACES)]
        for tab, text in (("Error", ".tqp-error-message"), ("Log", ".tqp-log"), ("Code", ".tqp-code")):
            board.detail.get_by_role("tab", name=tab).click()
            look.append(board.detail.locator(text).evaluate(SETTING))
        looks.append(look)
    assert looks[0] == looks[1]
    assert len(looks[0][0]) == 2, "one typeface, and one for code"


def test_the_dashboard_fits_its_window_and_follows_light_and_dark(
    pages: Pages, voila_board: Board, client: Client, name: str
) -> None:
    page = voila_board.page
    code = 'half(x) = sqrt(x) / 2  # a line that is wider than a telephone, and so scrolls sideways\nhalf(-1.0)'
    client.submit(code, name=name).wait(60)
    voila_board.row(name).locator(".tq-open-task").click()
    expect(voila_board.detail.locator(".tqp-error-name")).to_be_visible()
    try:
        for width, height in ((1280, 800), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                expect(voila_board.overview).to_have_attribute("data-theme", theme)
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                assert violations(page) == []
                page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
                pages.shot(page, f"dashboard-{width}-{theme}")
        for tab in ("Result", "Code", "Log", "History"):
            voila_board.detail.get_by_role("tab", name=tab).click()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert violations(page) == []
    finally:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 800})
