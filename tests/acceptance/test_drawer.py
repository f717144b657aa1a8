"""A task opened on the board: over the table, which stays where it was, and shut again; how long it still takes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest
from boards import Board, violations
from browser import Pages
from playwright.sync_api import Locator, expect

from taskq_kernel import Client

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)


@pytest.fixture
def names(client: Client) -> Iterator[list[str]]:
    """Names of thirty tasks that have finished, the newest first."""
    series = f"series {secrets.token_hex(4)}"
    batch = client.submit_many([{"code": f"{i}", "name": f"{series} {i:02}"} for i in range(30)])
    batch.wait(60)
    yield [task.name for task in reversed(batch)]
    batch.delete()


@pytest.fixture(params=["voila", "lab"])
def board(request: pytest.FixtureRequest, names: list[str]) -> Board:
    """The board with the series in its table, and no task open."""
    board: Board = request.getfixturevalue(f"{request.param}_board")
    shut(board)
    board.overview.get_by_role("button", name=re.compile("^All")).click()
    board.search(names[0][:-3])
    # What was searched for is there before it is answered, when a line for batches may still stand above it.
    expect(board.table.get_by_role("grid")).to_have_attribute("aria-rowcount", str(1 + len(names)))
    expect(board.row(names[0])).to_be_visible()
    return board


def shut(board: Board) -> None:
    button = board.detail.get_by_role("button", name="Close the task")
    if button.is_visible():
        button.click()
    expect(board.detail).to_be_hidden()


def sign(board: Board, name: str) -> Locator:
    """Return the sign of a finished task's status beside its number."""
    return board.row(name).locator(".tq-cell-number .tq-icon-FINISHED")


def place(part: Locator) -> dict[str, float]:
    """Return where something is in the window, in whole pixels."""
    box = part.bounding_box()
    assert box is not None
    return {name: round(number) for name, number in box.items()}


def open_task(board: Board, name: str) -> None:
    board.row(name).locator(".tq-open-task").click()
    expect(board.detail.locator("h2")).to_contain_text(name)
    board.detail.evaluate("one => Promise.all(one.getAnimations().map(({finished}) => finished))")


def test_opening_a_task_or_filtering_moves_nothing_and_the_open_row_is_marked(board: Board, names: list[str]) -> None:
    # Given: a table that is scrolled, on a page that is scrolled.
    board.table.scroll_into_view_if_needed()
    grid = board.table.get_by_role("grid")
    board.row(names[0]).hover()
    board.page.mouse.wheel(0, 300)
    expect(board.row(names[9])).to_be_visible()
    board.page.wait_for_function("grid => grid.scrollTop === 300", arg=grid.element_handle())
    before = [place(board.table), place(board.row(names[9]))]
    # When: a task is opened, then another.
    for name in (names[9], names[8]):
        open_task(board, name)
        # Then: it is there, whole and in the window, its row is marked, and nothing has moved.
        expect(board.row(name)).to_have_attribute("aria-current", "true")
        expect(board.table.locator("[aria-current]")).to_have_count(1)
        assert [place(board.table), place(board.row(names[9]))] == before
        assert within(place(board.detail), place(board.table))
        # And: the signs of the statuses, which it covers, stand beside the numbers.
        expect(sign(board, names[9])).to_be_in_viewport(ratio=1)
    # And: a chip that leaves no task in the table moves the page as little.
    board.overview.get_by_role("button", name=re.compile("^Failed")).click()
    expect(board.table.get_by_text("No task matches")).to_be_visible()
    assert place(board.table) == before[0]
    board.overview.get_by_role("button", name=re.compile("^All")).click()
    expect(board.row(names[0])).to_be_visible()


def within(inner: dict[str, float], outer: dict[str, float]) -> bool:
    return all(
        outer[start] - 1 <= inner[start] and inner[start] + inner[size] <= outer[start] + outer[size] + 1
        for start, size in (("x", "width"), ("y", "height"))
    )


def test_an_open_task_is_shut_by_its_button_or_by_escape_and_the_keyboard_is_back_at_its_row(
    board: Board, names: list[str]
) -> None:
    open_task(board, names[1])
    board.detail.get_by_role("button", name="Close the task").click()
    expect(board.detail).to_be_hidden()
    expect(board.table.locator("[aria-current]")).to_have_count(0)
    expect(sign(board, names[1])).to_be_hidden()

    board.table.get_by_role("searchbox").press("ArrowDown")
    board.page.keyboard.press("ArrowDown")
    board.page.keyboard.press("Enter")
    expect(board.detail.locator("h2")).to_contain_text(names[1])
    assert violations(board.page) == []
    board.detail.get_by_role("tab", name="Result").focus()
    board.page.keyboard.press("Escape")
    expect(board.detail).to_be_hidden()
    board.page.keyboard.press("ArrowDown")
    board.page.keyboard.press("Enter")
    expect(board.detail.locator("h2")).to_contain_text(names[2])
    shut(board)


def test_the_table_and_a_new_tasks_value_are_in_sight_without_scrolling(voila_board: Board, client: Client) -> None:
    board, page = voila_board, voila_board.page
    shut(board)
    board.search("")
    page.evaluate("scrollTo(0, 0)")
    assert place(board.submit)["height"] == 32  # for a mouse, however narrow the form may be
    rows = board.table.locator(".tq-body > .tq-row:not(.tq-pending)")
    client.submit("1").wait(60)
    expect(rows.first).to_be_in_viewport(ratio=0.9)
    board.submit_task("6 * 7", f"task {secrets.token_hex(4)}")
    expect(board.detail.locator(".tqp-value")).to_have_text("42")
    expect(board.detail.locator(".tqp-value")).to_be_in_viewport(ratio=0.9)


def test_on_a_telephone_the_task_takes_the_place_of_the_table(
    pages: Pages, voila_board: Board, names: list[str]
) -> None:
    board, page = voila_board, voila_board.page
    shut(board)
    page.set_viewport_size({"width": 390, "height": 844})
    try:
        board.search(names[0][:-3])
        board.row(names[0]).scroll_into_view_if_needed()
        before = place(board.table)
        open_task(board, names[0])
        assert place(board.table) == before
        assert place(board.detail) == before
        pages.shot(page, "drawer-390")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert place(board.submit)["height"] == 40
    finally:
        page.set_viewport_size({"width": 1280, "height": 800})
        shut(board)


def test_a_task_that_was_shut_stays_shut_when_the_page_is_reloaded(voila_board: Board, names: list[str]) -> None:
    board = voila_board
    board.search(names[0][:-3])
    open_task(board, names[0])
    board.page.reload()
    board.ready()
    expect(board.detail.locator("h2")).to_contain_text(names[0])
    shut(board)
    board.page.reload()
    board.ready()
    board.search(names[0][:-3])
    expect(board.row(names[0])).to_be_visible()
    expect(board.detail).to_be_hidden()


def test_the_time_that_is_left_stands_beside_the_bar_and_runs_down(voila_board: Board, client: Client) -> None:
    board = voila_board
    name = f"task {secrets.token_hex(4)}"
    task = client.submit("sleep(2); progress(0.1); sleep(60)", name=name)
    board.search(name)
    cell = board.row(name).locator(".tq-cell-progress")
    expect(cell).to_have_text(re.compile(r"^10 % · \d+ s$"))
    first = seconds_in(cell.inner_text())
    assert 10 <= first <= 60
    expect(cell.get_by_role("progressbar")).to_have_attribute("aria-valuetext", re.compile(r"^10 %, about \d+ s left$"))
    open_task(board, name)
    expect(board.detail.locator(".tqp-facts")).to_contain_text(re.compile(r"10 % · about \d+ s left"))
    board.page.wait_for_function(
        "([cell, first]) => Number(/(\\d+) s$/.exec(cell.textContent)?.[1] ?? 0) < first",
        arg=[cell.element_handle(), first],
    )
    task.cancel()
    expect(cell).to_have_text(re.compile(r"^(10 %)?$"))
    expect(board.detail.locator(".tqp-facts")).not_to_contain_text("left")
    shut(board)


def test_a_task_that_waits_says_why_and_opens_the_task_that_it_needs(voila_board: Board, client: Client) -> None:
    board, name = voila_board, f"task {secrets.token_hex(4)}"
    needed = client.submit("sleep(600)", name=f"{name} first")
    waiting = client.submit("1", name=f"{name} second", after=[needed])
    try:
        board.search(name)
        open_task(board, waiting.name)
        said = board.detail.locator(".tqp-panel > .tqp-quiet-text")
        expect(said).to_have_text(
            re.compile(rf"^Waiting: it needs task {needed.number} \({needed.name}\), which is RUNNING.*\.$"),
            timeout=60_000,
        )
        board.detail.get_by_role("button", name=f"Open task {needed.number}").click()
        expect(board.detail.locator("h2")).to_contain_text(needed.name)
        expect(board.row(needed.name)).to_have_attribute("aria-current", "true")
    finally:
        needed.cancel()
        shut(board)


def seconds_in(text: str) -> int:
    found = re.search(r"(\d+) s$", text)
    assert found is not None
    return int(found[1])
