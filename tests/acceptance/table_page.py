"""The table on a page of its own, with tasks that its kernel holds, as a test handles it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import Site, Sites, pages_in
from playwright.sync_api import Browser, Locator, Page, expect

CELLS = [
    "import time, threading\nfrom taskq_widgets import Query\nfrom memory_tasks import MemoryTable\n"
    "from tasks_in_kernel import task, tasks\n"
    "view = MemoryTable()\nactions, opened = [], []\n"
    "view.on_action(lambda action, chosen: actions.append([action, chosen.ids]))\n"
    "view.on_open(lambda task_id, part: opened.append([task_id, part]))",
    "view",
]
FRESH_START = (
    "view.model.replace([]); view.query = Query(); view.columns = []; view.widths = {}; view.away = ''\n"
    "view.density = 'comfortable'; view.theme = 'auto'; view.upsert(tasks(500))\n"
    "view.state = 'ready'; actions.clear(); opened.clear()\n"
)
#: Tells the screen of a fresh start from those before: a worker that only this one has.
_starts = itertools.count(1)


class Table:
    """The table on a page, and the kernel behind it."""

    def __init__(self, page: Page, remote: Callable[..., Any]) -> None:
        self.page = page
        self.kernel = remote
        self.root = page.locator(".tq-table").first
        self.grid = self.root.get_by_role("grid")
        self.rows = self.root.locator(".tq-body > .tq-row:not(.tq-pending)")

    def row(self, number: int) -> Locator:
        """Return the row of a task by its number."""
        cell = self.page.locator(".tq-cell-number", has_text=f"{number}").get_by_text(str(number), exact=True)
        return self.rows.filter(has=cell)

    def numbers(self, count: int = 8) -> list[int]:
        """Return the numbers in the first rows in sight."""
        found = self.root.locator(".tq-body > .tq-row:not(.tq-pending) .tq-cell-number").all_inner_texts()
        return [int(text) for text in found[:count] if text]

    def head(self, name: str) -> Locator:
        return self.grid.get_by_role("columnheader", name=name, exact=True)

    def chip(self, status: str) -> Locator:
        return self.root.locator(f".tq-chip[data-status={status}]")

    def act(self, action: str) -> None:
        self.root.locator(f"[data-action={action}]").click()

    def total(self, total: int) -> None:
        """Wait until the table shows so many rows in all."""
        expect(self.grid).to_have_attribute("aria-rowcount", str(total + 1))

    def eventually(self, seen: Callable[[], Any], wanted: Any, timeout_s: float = 30) -> None:
        """Wait until something is as wanted."""
        deadline = time.monotonic() + timeout_s
        while (now := seen()) != wanted:
            assert time.monotonic() < deadline, f"is {now!r}, wanted {wanted!r}"
            self.page.wait_for_timeout(20)


def opened(page: Page, site: Site) -> Table:
    """Return the table on a page that was opened last."""
    page.locator(".tq-table").first.wait_for()
    return Table(page, site.kernel())


def selection(table: Table) -> list[int]:
    """Return the numbers of the selected tasks."""
    found: list[int] = table.kernel("view.selected()")
    return found


def focused(table: Table) -> dict[str, Any]:
    """Return where the focus is: the row's number, and the cell's column."""
    found: dict[str, Any] = table.page.evaluate(
        """() => { const cell = document.activeElement.closest('[aria-colindex]');
        const row = cell?.closest('[role=row]');
        return { number: row?.querySelector('.tq-cell-number')?.textContent ?? '',
                 column: cell?.className.match(/tq-cell-(\\w+)/)?.[1] ?? '' } }"""
    )
    return found


@pytest.fixture(scope="module")
def table_site(serve: Sites) -> Site:
    """A notebook with the table."""
    return serve("voila", CELLS)


@pytest.fixture(scope="module")
def shared_table(chromium: Browser, table_site: Site) -> Iterator[Table]:
    """The table on one page for a module."""
    with pages_in(chromium) as pages:
        yield opened(pages(table_site.url), table_site)


@pytest.fixture
def table(shared_table: Table) -> Table:
    """The shared page with 500 tasks and nothing done to it."""
    shared_table.page.keyboard.press("Escape")
    worker = f"fresh-{next(_starts)}"
    shared_table.kernel(
        FRESH_START + f"view.select([]); view.upsert([task(500, worker={worker!r})])"
    )
    shared_table.page.mouse.move(0, 0)
    shared_table.eventually(lambda: _rows_at_the_top(shared_table), [500, 499])
    expect(shared_table.row(500)).to_contain_text(worker)  # what was there before had 500 tasks, too
    shared_table.total(500)
    expect(shared_table.root.locator(".tq-chosen")).to_be_hidden()
    return shared_table


def _rows_at_the_top(table: Table) -> list[int]:
    """Scroll to the top, which what the last test did may still leave, and see the first rows."""
    table.grid.evaluate("grid => { grid.scrollTop = 0; document.activeElement?.blur() }")
    return table.numbers(2)
