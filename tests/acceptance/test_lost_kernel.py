"""A page that has lost its kernel says so, keeps what was typed, and comes back: in the dashboard and in JupyterLab."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psutil
import pytest
from boards import Board, Dashboard, dashboard, lab_site, open_board, violations
from browser import Pages, Sites, run_all_cells
from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from stacks import RunningStack

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)

#: How soon a page says that its kernel is gone, in milliseconds.
NOTICED_MS = 12_000
#: Keeps in `window.covered` whether a cover was ever shown.
WATCH = """() => {
  window.covered = false;
  const look = () => { window.covered ||= document.querySelector('.tq-cover') !== null; };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true});
}"""


@pytest.fixture(scope="module")
def served(stack: RunningStack) -> Iterator[Dashboard]:
    with dashboard(stack.env) as served:
        yield served


def kernels(served: Dashboard) -> dict[int, psutil.Process]:
    """Return the kernels of a dashboard's pages."""
    children = psutil.Process(served.process.pid).children(recursive=True)
    return {child.pid: child for child in children if "ipykernel" in " ".join(child.cmdline())}


def open_with_kernel(pages: Pages, served: Dashboard) -> tuple[Board, psutil.Process]:
    """Open the dashboard; return it with the kernel of its page."""
    before = kernels(served)
    board = open_board(pages, "voila", served.url)
    (new,) = kernels(served).keys() - before.keys()
    return board, psutil.Process(new)


def cover(board: Board) -> Locator:
    return board.page.locator(".tq-cover")


def expect_dead(board: Board, within_ms: float = NOTICED_MS) -> None:
    """Expect that the page says it has lost its kernel, and that nothing on it looks alive."""
    expect(cover(board)).to_have_count(1, timeout=within_ms)
    card = cover(board).get_by_text("This page has lost its kernel")
    expect(card).to_be_in_viewport()  # however the page is scrolled
    expect(board.submit).to_have_attribute("aria-disabled", "true")
    for lamp in board.overview.locator(".tqp-part").all():
        expect(lamp).to_have_attribute("data-state", "unknown")


def write_a_task_and_a_draft(board: Board, name: str) -> None:
    """Run a task, whose result stays open at its code, and write another one that is not submitted."""
    board.submit_task("6 * 7", name)
    expect(board.detail.locator(".tqp-value")).to_have_text("42")
    board.detail.get_by_role("tab", name="Code").click()
    board.write("not_yet(1)\nsubmitted(2)", f"{name} next")
    board.form.get_by_role("button", name="Add an argument").click()
    board.page.keyboard.type("n")
    board.page.keyboard.press("Tab")
    board.page.keyboard.type("12")


def expect_the_draft(board: Board, name: str) -> None:
    expect(board.form.get_by_label("Name", exact=True)).to_have_value(f"{name} next")
    expect(board.form.locator(".cm-line")).to_have_text(["not_yet(1)", "submitted(2)"])
    expect(board.form.get_by_label("Name of argument 1")).to_have_value("n")
    expect(board.form.get_by_label("Value of argument 1")).to_have_value("12")


def test_a_dashboard_whose_kernel_died_is_covered_and_reloads_to_the_same_task_and_draft(
    open_page: Pages, served: Dashboard
) -> None:
    board, kernel = open_with_kernel(open_page, served)
    write_a_task_and_a_draft(board, "the answer")
    kernel.kill()
    expect_dead(board)
    open_page.shot(board.page, "lost-voila")
    assert violations(board.page) == []

    cover(board).get_by_role("button", name="Reload").click()
    board.ready()
    expect(cover(board)).to_have_count(0)
    expect(board.detail.locator("h2")).to_contain_text("the answer")
    expect(board.detail.get_by_role("tab", name="Code")).to_have_attribute("aria-selected", "true")
    expect_the_draft(board, "the answer")
    # What came back is what would be submitted.
    board.write("n + 1", "the answer next")
    board.submit.click()
    expect(board.detail.locator(".tqp-value")).to_have_text("13")


def test_a_kernel_that_answers_again_takes_the_cover_away(open_page: Pages, served: Dashboard) -> None:
    board, kernel = open_with_kernel(open_page, served)
    board.page.set_viewport_size({"width": 1280, "height": 300})
    kernel.suspend()
    try:
        expect_dead(board)
        board.page.set_viewport_size({"width": 1280, "height": 1600})  # more rows are in sight than were asked for
    finally:
        kernel.resume()
    expect(cover(board)).to_have_count(0)
    board.ready()
    expect(board.table.locator(".tq-body > .tq-pending")).to_have_count(0)
    board.submit_task("1 + 1", "after a pause")
    expect(board.detail.locator(".tqp-value")).to_have_text("2")


def test_a_dashboard_whose_server_ended_is_covered(open_page: Pages, stack: RunningStack) -> None:
    with dashboard(stack.env) as served:
        board = open_board(open_page, "voila", served.url)
    expect_dead(board)


def kernel_menu(page: Page, item: str) -> None:
    """Choose something in JupyterLab's menu for kernels, and confirm it where that is asked."""
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name=re.compile(f"^{item}")).first.click()


def places_on(board: Board) -> list[tuple[float, float, float, float]]:
    """Where the parts stand on the board; where that stands, JupyterLab decides, which scrolls."""
    boxes = [part.bounding_box() for part in (board.root, board.overview, board.form, board.detail, board.table)]
    found = [box for box in boxes if box is not None]
    assert len(found) == len(boxes)
    left, top = found[0]["x"], found[0]["y"]
    return [(box["x"] - left, box["y"] - top, box["width"], box["height"]) for box in found]


def test_a_board_whose_kernel_was_restarted_says_what_to_do_and_stands_where_it_stood(
    open_page: Pages, stack: RunningStack, serve: Sites
) -> None:
    board = open_board(open_page, "lab", lab_site(serve, stack))
    write_a_task_and_a_draft(board, "before the restart")
    places = places_on(board)
    kernel_menu(board.page, "Restart Kernel…")
    board.page.get_by_role("button", name="Confirm Kernel Restart").click()
    expect_dead(board)
    expect(cover(board)).to_contain_text("Run the cell again")
    expect(board.root).to_have_class(re.compile("jupyter-widgets-disconnected"))  # JupyterLab would show its icons
    assert places_on(board) == places
    open_page.shot(board.page, "lost-lab")

    run_all_cells(board.page)
    expect(cover(board)).to_have_count(0)
    board.ready()
    expect_the_draft(board, "before the restart")
    expect(board.detail.locator("h2")).to_contain_text("before the restart")


def test_the_first_message_that_cannot_be_sent_covers_the_board(
    open_page: Pages, stack: RunningStack, serve: Sites
) -> None:
    board = open_board(open_page, "lab", lab_site(serve, stack))
    kernel_menu(board.page, "Shut Down Kernel")
    board.page.locator("#jp-main-statusbar").get_by_text("No Kernel").wait_for(state="attached")
    if cover(board).count() == 0:
        board.overview.locator(".tq-chip").first.click()
    expect_dead(board, within_ms=2000)


def test_a_kernel_that_is_busy_with_a_cell_is_not_lost(open_page: Pages, stack: RunningStack, serve: Sites) -> None:
    board = open_board(open_page, "lab", lab_site(serve, stack))
    board.page.evaluate(WATCH)
    code = board.page.locator(".jp-InputArea .cm-content")
    code.last.click()
    board.page.keyboard.press("Escape")
    board.page.keyboard.press("b")  # another cell below
    code.last.click()
    # Longer than any answer may take; the cell's end is what is waited for.
    board.page.keyboard.insert_text("import time; time.sleep(16); print('slept well')")
    began = time.monotonic()
    board.page.keyboard.press("Control+Enter")
    board.overview.scroll_into_view_if_needed()
    expect(board.page.locator(".jp-OutputArea").get_by_text("slept well")).to_be_attached(timeout=60_000)
    assert time.monotonic() - began > NOTICED_MS / 1000
    assert board.page.evaluate("window.covered") is False
    board.submit_task("3 + 3", "after a long cell")


def test_a_kernel_that_goes_on_with_the_cell_that_shows_the_board_is_not_lost(
    open_page: Pages, stack: RunningStack, serve: Sites
) -> None:
    show = "import time; display(TaskBoard(q)); time.sleep(20); print('slept well')"
    page = open_page(lab_site(serve, stack, show))
    page.evaluate(WATCH)
    run_all_cells(page)
    expect(page.locator(".tq-board .tq-table")).to_be_visible()
    began = time.monotonic()
    expect(page.locator(".jp-OutputArea").get_by_text("slept well")).to_be_attached(timeout=60_000)
    assert time.monotonic() - began > NOTICED_MS / 1000
    assert page.evaluate("window.covered") is False
    Board(page).ready().submit_task("4 + 4", "after the cell that shows it")


def test_an_editor_alone_says_that_its_code_reached_nobody(open_page: Pages, serve: Sites) -> None:
    page = open_page(serve("lab", ["from taskq_widgets import JuliaEditor", "JuliaEditor(value='1 + 1')"]).url)
    run_all_cells(page)
    editor = page.locator(".tq-editor .cm-content")
    expect(editor).to_have_text("1 + 1")
    kernel_menu(page, "Shut Down Kernel")
    page.locator("#jp-main-statusbar").get_by_text("No Kernel").wait_for(state="attached")
    editor.click()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".tq-editor-message")).to_contain_text("there is no kernel")
