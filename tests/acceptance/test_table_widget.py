"""The table in a real browser: seen, sorted, filtered, selected, acted on, by mouse and by keyboard."""

from __future__ import annotations

import csv
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from boards import violations
from browser import Pages, Site, Sites, pages_in, run_all_cells
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
#: Notes what the widget sends, beside sending it.
RECORD = (
    "sent = []; send = view.send\n"
    "view.send = lambda content, buffers=None: (sent.append(content), send(content, buffers))"
)
#: Tells the screen of a fresh start from those before: a worker that only this one has.
_starts = itertools.count(1)

pytestmark = pytest.mark.timeout(240)
expect.set_options(timeout=30_000)


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


@pytest.fixture(scope="module")
def site(serve: Sites) -> Site:
    return serve("voila", CELLS)


@pytest.fixture(scope="module")
def shared(chromium: Browser, site: Site) -> Iterator[Table]:
    with pages_in(chromium) as pages:
        yield opened(pages(site.url), site)


@pytest.fixture
def table(shared: Table) -> Table:
    """The shared page with 500 tasks and nothing done to it."""
    shared.page.keyboard.press("Escape")
    worker = f"fresh-{next(_starts)}"
    shared.kernel(
        FRESH_START + f"view.select([]); view.upsert([task(500, worker={worker!r})])"
    )
    shared.page.mouse.move(0, 0)
    shared.grid.evaluate("grid => { grid.scrollTop = 0; document.activeElement?.blur() }")
    expect(shared.row(500)).to_contain_text(worker)  # what was there before had 500 tasks, too
    shared.total(500)
    shared.eventually(lambda: shared.numbers(2), [500, 499])
    expect(shared.root.locator(".tq-chosen")).to_be_hidden()
    return shared


# ---- seen


def test_a_row_tells_what_a_task_is_and_does(table: Table) -> None:
    table.kernel(
        "view.upsert([task(501, name='spectral gap', status='FINISHED', value=0.49983124, valueText='0.49983124',"
        " error=None, seconds=1.5, worker='node-1', attempt=2, maxAttempts=3, code='# c\\ngap(3)')])"
    )
    row = table.row(501)
    size = table.page.viewport_size
    assert size is not None
    table.page.set_viewport_size({"width": 1600, "height": size["height"]})  # all columns fit
    try:
        for text in ("spectral gap", "gap(3)", "0.4998", "Finished", "1.5 s", "node-1", "2 of 3"):
            expect(row).to_contain_text(text)
    finally:
        table.page.set_viewport_size(size)
    expect(row.locator(".tq-cell-value")).to_have_attribute("title", "0.49983124")
    expect(row.locator(".tq-status svg")).to_be_visible()
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")


def test_a_change_in_python_shows_without_reloading(table: Table) -> None:
    table.kernel("view.upsert([task(500, status='RUNNING', progress=0.25, version=10**6)])")
    expect(table.row(500)).to_contain_text("Running")
    expect(table.row(500)).to_contain_text("25 %")
    table.kernel("view.model.delete([task(500)['id']])")
    expect(table.row(500)).to_have_count(0)
    table.total(499)


def test_texts_are_shown_as_they_are_never_as_html(table: Table) -> None:
    hostile = "<img src=x onerror=window.hacked=1><b>bold</b>"
    table.kernel(
        f"view.upsert([task(501, name={hostile!r}, code={hostile!r}, status='FAILED', worker={hostile!r},"
        f" error={{'name': 'E', 'message': {hostile!r}}}, progressMessage={hostile!r})])"
    )
    expect(table.row(501).locator(".tq-cell-name")).to_contain_text("<b>bold</b>")
    assert table.root.locator(".tq-body img, .tq-body b").count() == 0
    assert table.page.evaluate("window.hacked") is None


def test_only_rows_in_sight_are_in_the_page(table: Table) -> None:
    assert table.root.locator(".tq-body > .tq-row").count() < 40
    expect(table.grid).to_have_attribute("aria-rowcount", "501")
    expect(table.row(500)).to_have_attribute("aria-rowindex", "2")


# ---- sorted and filtered


def test_a_click_on_a_header_sorts_and_another_turns_round(table: Table) -> None:
    expect(table.head("Number")).to_have_attribute("aria-sort", "descending")
    table.head("Duration").click()
    expect(table.head("Duration")).to_have_attribute("aria-sort", "ascending")
    expect(table.head("Number")).to_have_attribute("aria-sort", "none")
    shortest = table.kernel("int(view.model.frame().sort_values(['seconds', 'number'])['number'].iloc[0])")
    table.eventually(lambda: table.numbers(1), [shortest])
    table.head("Duration").click()
    longest = table.kernel("int(view.model.frame().sort_values('seconds', ascending=False)['number'].iloc[0])")
    table.eventually(lambda: table.numbers(1), [longest])


def test_a_sorted_table_stays_live(table: Table) -> None:
    table.head("Name").click()
    table.kernel("view.upsert([task(77, name='AAA first', version=10**6)])")
    table.eventually(lambda: table.numbers(1), [77])


def test_text_filters_by_name_code_and_value(table: Table) -> None:
    box = table.root.get_by_role("searchbox")
    box.fill("NEWTON")
    wanted = table.kernel("int(view.model.frame()['name'].str.contains('Newton').sum())")
    table.total(wanted)
    expect(table.root.locator(".tq-range")).to_contain_text("(500 in all)")
    box.fill("cumsum")
    expect(table.rows.first).to_contain_text("random walk")


def test_sorting_right_after_typing_keeps_what_was_typed(table: Table) -> None:
    table.root.evaluate(
        """root => {
        const box = root.querySelector('[type=search]');
        box.value = 'newton';
        box.dispatchEvent(new Event('input'));
        root.querySelector('[data-sort=name]').click(); }"""
    )
    table.total(table.kernel("int(view.model.frame()['name'].str.contains('Newton').sum())"))
    expect(table.head("Name")).to_have_attribute("aria-sort", "ascending")
    expect(table.root.get_by_role("searchbox")).to_have_value("newton")


def test_a_filter_that_nothing_fits_offers_to_clear_it(table: Table) -> None:
    table.root.get_by_role("searchbox").fill("no such task")
    expect(table.root.get_by_text("No task matches")).to_be_visible()
    table.root.get_by_role("button", name="Clear the filter").click()
    table.total(500)
    expect(table.root.get_by_role("searchbox")).to_have_value("")


def test_status_chips_filter_and_count(table: Table) -> None:
    failed = table.kernel("view.model.counts()['FAILED']")
    expect(table.chip("FAILED")).to_contain_text(str(failed))
    table.chip("FAILED").click()
    expect(table.chip("FAILED")).to_have_attribute("aria-pressed", "true")
    table.total(failed)
    table.chip("RUNNING").click()
    table.total(failed + table.kernel("view.model.counts()['RUNNING']"))
    table.chip("FAILED").click()
    table.chip("RUNNING").click()
    table.total(500)


def test_time_filters_by_creation_and_moves_on(table: Table) -> None:
    table.kernel("from datetime import UTC, datetime, timedelta")
    table.kernel("view.upsert([task(501, createdAt=(datetime.now(UTC) - timedelta(seconds=297)).isoformat())])")
    within = "int((view.model.frame()['created_at'] > datetime.now(UTC) - timedelta(minutes=5)).sum())"
    table.root.get_by_label("Filter by time of creation").select_option("Last 5 minutes")
    table.eventually(lambda: table.grid.get_attribute("aria-rowcount") == str(1 + table.kernel(within)), True)
    expect(table.row(501)).to_have_count(1)
    expect(table.row(501)).to_have_count(0, timeout=10_000)  # it has aged out


def test_time_between_two_instants_filters(table: Table) -> None:
    table.root.get_by_label("Filter by time of creation").select_option("Between…")
    table.root.get_by_label("Created from").fill("2000-01-01T00:00")
    table.root.get_by_label("Created until").fill("2000-01-02T00:00")
    expect(table.root.get_by_text("No task matches")).to_be_visible()
    table.root.get_by_label("Created until").fill("2100-01-02T00:00")
    table.total(500)


def test_python_can_filter_every_screen(table: Table) -> None:
    table.kernel("view.filter(statuses={'FAILED'}, text='')")
    table.total(table.kernel("view.model.counts()['FAILED']"))
    expect(table.chip("FAILED")).to_have_attribute("aria-pressed", "true")


def test_columns_and_density_can_be_chosen(table: Table) -> None:
    table.root.get_by_role("button", name="Columns").click()
    menu = table.root.get_by_role("group", name="Columns")
    menu.get_by_label("Worker").uncheck()
    expect(table.head("Worker")).to_have_count(0)
    assert "worker" not in table.kernel("view.columns")
    menu.get_by_label("As many as fit").check()
    expect(table.head("Worker")).to_have_count(1)
    table.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    height = table.rows.first.bounding_box()
    table.root.get_by_role("button", name="Compact rows").click()
    expect(table.root).to_have_attribute("data-density", "compact")
    compact = table.rows.first.bounding_box()
    assert height is not None
    assert compact is not None
    assert compact["height"] < height["height"]


def test_arguments_owner_queue_and_batch_are_columns_and_one_of_each_argument_on_request(table: Table) -> None:
    table.kernel("view.upsert([task(500, arguments={'n': 200, 'β': 1.5}, owner='bea', queue='gpu', version=10**6)])")
    table.kernel("view.columns = ['number', 'name', 'arguments', 'owner', 'queue', 'batch']")
    for text in ("n=200, β=1.5", "bea", "gpu"):
        expect(table.row(500)).to_contain_text(text)
    table.root.get_by_role("button", name="Columns").click()
    table.root.get_by_role("group", name="Columns").get_by_label("Argument β").check()
    table.page.keyboard.press("Escape")
    expect(table.head("β")).to_be_visible()
    expect(table.row(500).locator(".tq-cell-argument")).to_have_text("1.5")
    assert table.kernel("view.columns")[-1] == "argument.β"


def width(table: Table, name: str) -> float:
    box = table.head(name).bounding_box()
    assert box is not None
    return box["width"]


def test_a_column_is_made_wider_by_its_edge_or_by_keyboard_and_fits_again_after_a_double_click(table: Table) -> None:
    before = width(table, "Name")
    edge = table.head("Name").locator(".tq-edge")
    box = edge.bounding_box()
    assert box is not None
    mouse, x, y = table.page.mouse, box["x"] + 4, box["y"] + 4
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 120, y, steps=4)
    mouse.up()
    table.eventually(lambda: round(width(table, "Name") - before), 120)
    expect(table.head("Number")).to_have_attribute("aria-sort", "descending")  # dragging sorts nothing
    table.eventually(lambda: table.kernel("list(view.widths)"), ["name"])
    table.root.get_by_role("searchbox").press("ArrowDown")
    table.page.keyboard.press("ArrowUp")
    table.page.keyboard.press("Alt+Shift+ArrowLeft")
    table.eventually(lambda: round(width(table, "Name") - before), 104)
    edge.dblclick()
    table.eventually(lambda: round(width(table, "Name") - before), 0)
    assert table.kernel("view.widths") == {}


def test_a_column_with_nothing_to_show_gives_its_room_to_the_names(table: Table) -> None:
    before = width(table, "Name")
    table.kernel("view.model.replace([task(n, status='QUEUEING', worker=None, value=None, valueText=None,"
                 " arguments={}, version=10**6 + n) for n in range(1, 501)])")  # fmt: skip
    table.eventually(lambda: width(table, "Name") > before + 20, True)


# ---- selected and acted on


def selection(table: Table) -> list[int]:
    found: list[int] = table.kernel("view.selected()")
    return found


def seen_selected(table: Table) -> list[int]:
    """Return the numbers of the rows that show as selected at this moment."""
    shown = "rows => rows.map(row => Number(row.querySelector('.tq-cell-number').textContent)).sort()"
    found: list[int] = table.root.locator(".tq-body > .tq-row[aria-selected=true]").evaluate_all(shown)
    return found


def test_clicks_select_one_more_or_a_range(table: Table) -> None:
    table.row(498).locator(".tq-cell-created").click()
    table.eventually(lambda: selection(table), [498])
    table.row(495).locator(".tq-cell-created").click(modifiers=["Shift"])
    table.eventually(lambda: selection(table), [495, 496, 497, 498])
    table.row(500).locator(".tq-cell-created").click(modifiers=["ControlOrMeta"])
    table.eventually(lambda: selection(table), [495, 496, 497, 498, 500])
    table.row(496).get_by_role("checkbox").click()
    table.eventually(lambda: selection(table), [495, 497, 498, 500])
    expect(table.row(497)).to_have_attribute("aria-selected", "true")
    expect(table.row(496)).to_have_attribute("aria-selected", "false")
    expect(table.root.locator(".tq-chosen-count")).to_have_text("4 selected")


def test_what_is_picked_before_python_has_answered_counts_as_seen(table: Table) -> None:
    """The kernel is slow here: nothing waits for it, and no older answer of its undoes what was picked since."""
    table.kernel(
        "done = []; pick = view._on_select\n"
        "view._on_select = lambda content: (time.sleep(0.25), pick(content), done.append(content['op']))"
    )
    try:
        table.row(498).locator(".tq-cell-created").click()
        table.row(495).locator(".tq-cell-created").click(modifiers=["Shift"])
        table.row(496).get_by_role("checkbox").click()  # in the range, so it leaves it
        assert seen_selected(table) == [495, 497, 498]
        table.eventually(lambda: selection(table), [495, 497, 498])
        table.page.keyboard.press("Control+a")
        table.page.keyboard.press("Escape")
        assert seen_selected(table) == []
        table.eventually(lambda: table.kernel("done"), ["only", "range", "remove", "all", "none"])
        table.eventually(lambda: selection(table), [])

        table.row(500).get_by_role("checkbox").click()
        expect(table.root.locator(".tq-chosen-count")).to_have_text("1 selected")
        table.row(499).get_by_role("checkbox").click()
        table.act("delete")
        expect(table.page.get_by_role("dialog")).to_contain_text("Delete 2 tasks?")  # not the one known of so far
        table.page.get_by_role("dialog").get_by_role("button", name="Back").click()
    finally:
        table.kernel("del view._on_select")


def test_a_range_of_check_boxes_extends_with_shift(table: Table) -> None:
    table.row(499).get_by_role("checkbox").click()
    table.row(496).get_by_role("checkbox").click(modifiers=["Shift"])
    table.eventually(lambda: selection(table), [496, 497, 498, 499])
    for number in (496, 499):
        expect(table.row(number).get_by_role("checkbox")).to_be_checked()


def test_all_on_the_screen_then_all_that_match(table: Table) -> None:
    table.root.get_by_role("searchbox").fill("newton")
    matching = table.kernel("int(view.model.frame()['name'].str.contains('Newton').sum())")
    table.total(matching)
    table.root.get_by_label("Select the rows on this screen").click()
    expect(table.root.locator(".tq-chosen-count")).to_contain_text("selected")
    table.eventually(lambda: len(selection(table)) > 0, True)
    on_screen = len(selection(table))
    assert 5 < on_screen < 40
    offer = table.root.locator(".tq-offer")
    expect(offer).to_contain_text(f"The {on_screen} rows on this screen are selected.")
    offer.get_by_role("button", name=f"Select all {matching} that match").click()
    expect(offer).to_contain_text(f"All {matching} tasks that match are selected.")
    table.eventually(lambda: len(selection(table)), matching)
    expect(table.root.locator(".tq-chosen-count")).to_have_text(f"{matching} selected")


def test_selected_tasks_that_the_filter_hides_are_told(table: Table) -> None:
    table.row(500).get_by_role("checkbox").click()
    table.root.get_by_role("searchbox").fill("newton")
    expect(table.root.locator(".tq-chosen-hidden")).to_have_text("1 not in this view")


@pytest.mark.parametrize(("action", "title"), [("cancel", "Cancel"), ("retry", "Run"), ("delete", "Delete")])
def test_an_action_is_confirmed_with_its_number_and_reaches_python(table: Table, action: str, title: str) -> None:
    table.kernel(
        "view.upsert([task(500, status='RUNNING', version=10**6), task(499, status='QUEUEING', version=10**6),"
        " task(498, status='FAILED', version=10**6)])"
    )
    expect(table.row(500)).to_contain_text("Running")
    table.row(500).get_by_role("checkbox").click()
    table.row(498).get_by_role("checkbox").click(modifiers=["Shift"])
    expect(table.root.locator(".tq-chosen-count")).to_have_text("3 selected")
    table.act(action)
    count = {"cancel": 2, "retry": 1, "delete": 3}[action]
    noun = "task" if count == 1 else "tasks"
    dialog = table.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{title} {count} {noun}")
    dialog.get_by_role("button", name="Back").click()
    assert table.kernel("actions") == []
    table.act(action)
    dialog.locator(".tq-primary").click()
    ids = {"cancel": "(500, 499)", "retry": "(498,)", "delete": "(500, 499, 498)"}[action]
    wanted = table.kernel(f"[task(n)['id'] for n in {ids}]")
    table.eventually(lambda: [[name, sorted(ids)] for name, ids in table.kernel("actions")], [[action, sorted(wanted)]])


def test_running_finished_tasks_again_says_that_their_values_are_kept(table: Table) -> None:
    table.kernel(
        "view.upsert([task(500, status='FINISHED', version=10**6), task(499, status='FINISHED', version=10**6),"
        " task(498, status='FAILED', version=10**6), task(497, status='RUNNING', version=10**6)])"
    )
    expect(table.row(497)).to_contain_text("Running")
    table.row(500).get_by_role("checkbox").click()
    dialog, retry = table.page.get_by_role("dialog"), table.root.locator("[data-action=retry]")
    expect(retry).to_have_text("Run again")
    table.act("retry")
    expect(dialog).to_contain_text("It has finished and keeps its value: a new task repeats it.")
    dialog.get_by_role("button", name="Back").click()

    table.row(497).get_by_role("checkbox").click(modifiers=["Shift"])
    expect(table.root.locator(".tq-chosen-count")).to_have_text("4 selected")
    expect(retry).to_have_text("Retry")
    table.act("retry")
    expect(dialog).to_contain_text("1 of them is queued again, as a new attempt.")
    expect(dialog).to_contain_text("2 of them have finished and keep their values: new tasks repeat them.")
    expect(dialog).to_contain_text("1 selected task has not ended and is left alone.")
    dialog.locator(".tq-primary").click()
    wanted = sorted(table.kernel("[task(n)['id'] for n in (500, 499, 498)]"))
    table.eventually(lambda: [[name, sorted(ids)] for name, ids in table.kernel("actions")], [["retry", wanted]])


def test_actions_that_cannot_apply_are_disabled(table: Table) -> None:
    table.kernel("view.upsert([task(500, status='FINISHED', version=10**6)])")
    expect(table.row(500)).to_contain_text("Finished")
    table.row(500).get_by_role("checkbox").click()
    expect(table.root.locator("[data-action=cancel]")).to_be_disabled()
    expect(table.root.locator("[data-action=retry]")).to_be_enabled()


def test_a_selection_is_exported_as_csv(table: Table, tmp_path: Path) -> None:
    table.row(500).get_by_role("checkbox").click()
    table.row(497).get_by_role("checkbox").click(modifiers=["Shift"])
    expect(table.root.locator(".tq-chosen-count")).to_have_text("4 selected")
    with table.page.expect_download() as download:
        table.act("csv")
    download.value.save_as(tmp_path / "tasks.csv")
    with (tmp_path / "tasks.csv").open(newline="", encoding="utf-8") as file:
        assert [row["number"] for row in csv.DictReader(file)] == ["500", "499", "498", "497"]
    expect(table.root.locator(".tq-toast")).to_have_text("4 tasks exported")


def test_ids_of_a_selection_are_copied(table: Table) -> None:
    table.row(500).get_by_role("checkbox").click()
    table.row(499).get_by_role("checkbox").click()
    table.act("copy")
    expect(table.root.locator(".tq-toast")).to_have_text("2 ids copied")
    wanted = table.kernel("'\\n'.join(task(n)['id'] for n in (500, 499))")
    assert table.page.evaluate("navigator.clipboard.readText()") == wanted


def test_name_and_code_open_a_task(table: Table) -> None:
    table.row(500).locator(".tq-open-code").click()
    table.row(499).locator(".tq-open-task").click()
    table.row(498).locator(".tq-cell-created").dblclick()
    wanted = table.kernel("[[task(500)['id'], 'code'], [task(499)['id'], 'task'], [task(498)['id'], 'task']]")
    table.eventually(lambda: table.kernel("opened"), wanted)


# ---- by keyboard


def focused(table: Table) -> dict[str, Any]:
    """Return where the focus is: the row's number, and the cell's column."""
    found: dict[str, Any] = table.page.evaluate(
        """() => { const cell = document.activeElement.closest('[aria-colindex]');
        const row = cell?.closest('[role=row]');
        return { number: row?.querySelector('.tq-cell-number')?.textContent ?? '',
                 column: cell?.className.match(/tq-cell-(\\w+)/)?.[1] ?? '' } }"""
    )
    return found


def test_arrows_home_end_and_pages_move_through_the_grid(table: Table) -> None:
    table.root.get_by_role("searchbox").press("ArrowDown")
    table.eventually(lambda: focused(table), {"number": "500", "column": "name"})
    press = table.page.keyboard.press
    for key, wanted in [
        ("ArrowDown", ("499", "name")), ("ArrowRight", ("499", "code")), ("Home", ("499", "select")),
        ("End", ("499", "created")), ("ArrowUp", ("500", "created")), ("Control+End", ("1", "created")),
        ("ArrowUp", ("2", "created")), ("Control+Home", ("500", "select")), ("ArrowRight", ("500", "number")),
    ]:  # fmt: skip
        press(key)
        table.eventually(lambda: tuple(focused(table).values()), wanted)
    press("PageDown")
    table.eventually(lambda: int(focused(table)["number"]) < 495, True)
    before = focused(table)
    press("PageDown")
    press("PageUp")
    table.eventually(lambda: focused(table), before)


def test_one_cell_is_in_the_tab_order(table: Table) -> None:
    table.root.get_by_role("searchbox").press("ArrowDown")
    table.eventually(lambda: focused(table)["number"], "500")
    assert table.grid.locator("[tabindex='0']").count() == 1
    table.page.keyboard.press("ArrowDown")
    assert table.grid.locator("[tabindex='0']").count() == 1


def test_keys_select_extend_open_and_clear(table: Table) -> None:
    table.root.get_by_role("searchbox").press("ArrowDown")
    press = table.page.keyboard.press
    press("Space")
    table.eventually(lambda: selection(table), [500])
    press("Shift+ArrowDown")
    press("Shift+ArrowDown")
    table.eventually(lambda: selection(table), [498, 499, 500])
    press("Enter")
    table.eventually(lambda: table.kernel("opened"), [[table.kernel("task(498)['id']"), "task"]])
    press("Control+a")
    table.eventually(lambda: len(selection(table)), 500)
    press("Escape")
    table.eventually(lambda: selection(table), [])
    assert focused(table)["number"] == "498"


def test_a_header_sorts_by_keyboard(table: Table) -> None:
    table.root.get_by_role("searchbox").press("ArrowDown")
    table.page.keyboard.press("ArrowUp")
    table.eventually(lambda: focused(table), {"number": "", "column": "name"} | {"number": focused(table)["number"]})
    table.page.keyboard.press("Enter")
    expect(table.head("Name")).to_have_attribute("aria-sort", "ascending")
    table.page.keyboard.press("Enter")
    expect(table.head("Name")).to_have_attribute("aria-sort", "descending")
    expect(table.root.get_by_text("Sorted by name, descending: 500 tasks")).to_be_attached()


def test_the_focus_survives_updates_and_stays_on_its_task(table: Table) -> None:
    table.root.get_by_role("searchbox").press("ArrowDown")
    for _ in range(3):
        table.page.keyboard.press("ArrowDown")
    table.eventually(lambda: focused(table), {"number": "497", "column": "name"})
    table.kernel("view.upsert([task(n, name=f'fresh {n}', version=10**6) for n in range(480, 501)])")
    expect(table.row(497)).to_contain_text("fresh 497")
    assert focused(table)["number"] == "497"
    table.kernel("view.upsert([task(n) for n in range(501, 504)])")  # come above it
    expect(table.row(503)).to_have_count(1)
    assert focused(table)["number"] == "497"
    table.kernel("view.model.delete([task(497)['id']])")
    table.eventually(lambda: focused(table)["number"], "496")


def test_the_focus_survives_a_change_of_order(table: Table) -> None:
    table.root.get_by_role("searchbox").press("ArrowDown")
    table.page.keyboard.press("ArrowDown")
    table.eventually(lambda: focused(table)["number"], "499")
    table.kernel("view.query = Query(sort='number', descending=False)")
    table.eventually(lambda: table.numbers(1), [1])
    table.eventually(lambda: focused(table)["number"] != "", True)


def test_new_tasks_above_do_not_move_what_is_read(table: Table) -> None:
    table.grid.evaluate("grid => { grid.scrollTop = 4000 }")
    table.eventually(lambda: 398 in table.numbers(20), True)
    before = table.row(395).bounding_box()
    table.kernel("view.upsert([task(n) for n in range(501, 511)])")
    table.total(510)
    after = table.row(395).bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2


# ---- states


def test_loading_empty_error_and_away_are_told(table: Table) -> None:
    table.kernel("view.state = 'loading'")
    expect(table.root.get_by_text("Loading the tasks")).to_be_attached()
    table.kernel("view.state = 'error'; view.message = 'The service refused the token.'")
    expect(table.root.get_by_role("alert")).to_have_text("The service refused the token.")
    table.root.get_by_role("button", name="Try again").click()
    table.eventually(lambda: table.kernel("actions"), [["reload", []]])
    table.kernel("view.model.replace([]); view.state = 'ready'")
    expect(table.root.get_by_text("No tasks yet")).to_be_visible()
    table.kernel("view.upsert(tasks(3)); view.away = 'The service is away since 12:03; this is what was there.'")
    expect(table.root.get_by_text("The service is away since 12:03")).to_be_visible()
    expect(table.rows).to_have_count(3)


def test_python_can_say_a_line(table: Table) -> None:
    table.kernel("view.say('3 tasks cancelled')")
    expect(table.root.locator(".tq-toast")).to_have_text("3 tasks cancelled")


# ---- several screens, and nobody looking


def test_nothing_is_pushed_while_nobody_looks(table: Table) -> None:
    kernel = table.kernel
    kernel("import taskq_widgets.heartbeat as heartbeat; heartbeat.FRESH_S = 5.5\n" + RECORD)
    hide = "state => { Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});" \
           " document.dispatchEvent(new Event('visibilitychange')) }"  # fmt: skip
    try:
        kernel("view.upsert([task(500, name='seen', version=10**6)])")
        expect(table.row(500)).to_contain_text("seen")
        table.page.evaluate(hide, "hidden")
        table.eventually(lambda: kernel("view.watched"), False, timeout_s=20)
        table.eventually(lambda: kernel("view._refresher is None"), True, timeout_s=20)
        kernel("sent.clear(); view.upsert([task(500, name='not seen', version=10**6 + 1)])")
        assert kernel("sent") == []
        table.page.evaluate(hide, "visible")
        expect(table.row(500)).to_contain_text("not seen")
        assert kernel("view.watched")
    finally:
        kernel("heartbeat.FRESH_S = 15.0; del view.send")


def test_nothing_is_sent_when_nothing_changed(table: Table) -> None:
    table.kernel(RECORD)
    try:
        table.kernel("same = [task(n, name='again', version=10**6) for n in range(1, 501)]; view.upsert(same)")
        expect(table.row(500)).to_contain_text("again")
        table.kernel("sent.clear(); view.upsert(same); time.sleep(0.5)")  # five times as long as a patch waits
        assert table.kernel("sent") == []
    finally:
        table.kernel("del view.send")


def test_a_screen_that_python_forgot_opens_again(table: Table) -> None:
    table.root.get_by_role("searchbox").fill("newton")
    matching = table.kernel("int(view.model.frame()['name'].str.contains('Newton').sum())")
    table.total(matching)
    table.kernel("view._screens.clear()")
    table.grid.evaluate("grid => { grid.scrollTop = 2000 }")
    table.eventually(lambda: table.kernel("len(view._screens)"), 1)
    table.total(matching)
    expect(table.rows.first).to_contain_text("Newton")


# ---- for everybody


def test_axe_finds_no_serious_violation(open_page: Pages, site: Site) -> None:
    page = open_page(site.url)
    table = opened(page, site)
    table.kernel("view.state = 'ready'; view.away = 'Away.'")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for theme in ("light", "dark"):
            table.kernel(f"view.theme = {theme!r}; view.model.replace(tasks(60)); view.filter(text='')")
            expect(table.root).to_have_attribute("data-theme", theme)
            for statement, shown in [
                ("", ".tq-row"),
                ("view.state = 'error'; view.message = 'No answer.'", "[data-kind=error]"),
                ("view.state = 'ready'; view.filter(text='nothing')", "[data-kind=none]"),
                ("view.filter(text=''); view.select(range(40, 61))", ".tq-chosen"),
            ]:
                table.kernel(statement)
                table.root.locator(shown).first.wait_for()
                assert violations(page, ".tq-table") == []
            open_page.shot(page, f"table-selected-{width}-{theme}")
            table.kernel("view.select([])")
            expect(table.root.locator(".tq-chosen")).to_be_hidden()


def test_a_phone_shows_cards_that_can_be_touched(open_page: Pages, site: Site) -> None:
    page = open_page(site.url, width=390, height=844, touch=True)
    table = opened(page, site)
    table.kernel(FRESH_START)
    table.total(500)
    expect(table.root).to_have_attribute("data-size", "narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for hidden in (".tq-cell-code", ".tq-cell-worker"):
        expect(table.rows.first.locator(hidden)).to_have_count(0)
    for shown in (".tq-cell-number", ".tq-cell-name", ".tq-cell-status"):
        expect(table.rows.first.locator(shown)).to_be_visible()
    table.rows.first.tap()
    expect(table.root.locator(".tq-chosen-count")).to_have_text("1 selected")
    edge = table.root.bounding_box()
    assert edge is not None
    for action in ("cancel", "retry", "delete", "copy", "csv"):
        box = table.root.locator(f"[data-action={action}]").bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 40
        assert box["x"] + box["width"] < edge["x"] + edge["width"]
        assert box["y"] + box["height"] < edge["y"] + edge["height"]
    open_page.shot(page, "table-phone-selected")
    table.root.get_by_label("Sort by").select_option("Sort: Number ↑")
    table.eventually(lambda: table.numbers(1), [1])


def test_motion_stops_for_those_who_asked(open_page: Pages, site: Site) -> None:
    page = open_page(site.url, reduced_motion=True)
    table = opened(page, site)
    table.kernel(FRESH_START + "view.upsert([task(501, status='RUNNING')])")
    spinner = table.row(501).locator(".tq-icon-RUNNING")
    spinner.wait_for()
    assert spinner.evaluate("element => getComputedStyle(element).animationName") == "none"


def test_the_table_works_in_jupyterlab(open_page: Pages, serve: Sites) -> None:
    site = serve("lab", [CELLS[0], "view.upsert(tasks(200))\nview"], dark=True)
    page = open_page(site.url, dark=True)
    run_all_cells(page)
    table = opened(page, site)
    table.rows.first.wait_for()
    expect(table.root).to_have_attribute("data-theme", "dark")
    assert violations(page, ".tq-table") == []
    open_page.shot(page, "table-lab-dark")
    table.root.get_by_role("searchbox").fill("noise")
    table.total(50)
    table.root.get_by_role("searchbox").press("ArrowDown")
    table.eventually(lambda: focused(table)["number"], "200")
    page.keyboard.press("ArrowDown")  # JupyterLab would move to another cell
    table.eventually(lambda: focused(table)["number"], "196")
    page.keyboard.press("Space")
    page.keyboard.press("a")  # and insert a cell here
    table.eventually(lambda: selection(table), [196])
    expect(page.locator(".jp-Cell")).to_have_count(3)
    table.kernel(
        "late = [task(196, name='noise from a thread', version=10**6)]\n"
        "threading.Thread(target=lambda: view.upsert(late)).start()"
    )
    expect(table.row(196)).to_contain_text("noise from a thread")


def test_two_screens_share_data_and_selection_and_sort_apart(open_page: Pages, serve: Sites) -> None:
    """In JupyterLab, light: the same widget in two cells."""
    site = serve("lab", [CELLS[0], "view.upsert(tasks(100))\nview", "view"])
    page = open_page(site.url, height=1600)
    run_all_cells(page)
    expect(page.locator(".tq-table")).to_have_count(2)
    kernel = site.kernel()
    one, two = Table(page, kernel), Table(page, kernel)
    expect(one.root).to_have_attribute("data-theme", "light")
    two.root = page.locator(".tq-table").nth(1)
    two.grid, two.rows = two.root.get_by_role("grid"), two.root.locator(".tq-body > .tq-row")
    two.head("Number").click()
    two.eventually(lambda: two.numbers(1), [1])
    one.eventually(lambda: one.numbers(1), [100])
    one.rows.first.get_by_role("checkbox").click()
    expect(two.root.locator(".tq-chosen-count")).to_have_text("1 selected")
    kernel("view.upsert([task(1, name='seen by two'), task(100, name='seen by one', version=10**6)])")
    expect(two.rows.first).to_contain_text("seen by two")
    expect(one.rows.first).to_contain_text("seen by one")
    open_page.shot(page, "table-lab-light")


# ---- 100,000 rows

LATENCY = """() => {
  window.latencies = [];
  const look = (node) => {
    const element = node.nodeType === 1 ? node : node.parentElement;
    const text = element?.closest?.('.tq-cell-name')?.textContent ?? '';
    if (text.startsWith('@')) window.latencies.push(Date.now() - Number(text.slice(1)));
  };
  new MutationObserver((records) => records.forEach((record) => look(record.target)))
    .observe(document.querySelector('.tq-body'), { subtree: true, childList: true, characterData: true });
}"""

CHURN = """
def churn(rate=1000, seconds=2.5):
    import random
    rng, version, until = random.Random(3), int(time.time() * 1000), time.monotonic() + seconds
    names = ['QUEUEING', 'RUNNING', 'FINISHED']
    template = task(1)
    due = time.monotonic()
    while time.monotonic() < until:
        batch = []
        for _ in range(rate // 20):
            n, version = rng.randrange(1, 100_001), version + 1
            batch.append(template | {'id': ids[n], 'number': n, 'status': rng.choice(names), 'version': version,
                                     'seconds': rng.random(), 'name': f'task {n}'})
        version += 1
        batch.append(template | {'id': ids[99_998], 'number': 99_998, 'name': f'@{time.time() * 1000:.0f}',
                                 'status': rng.choice(names), 'version': version})
        view.model.upsert(batch)
        due += 0.05
        time.sleep(max(0, due - time.monotonic()))
"""


def timed_ms(act: Callable[[], Any], done: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    done()
    return 1000 * (time.perf_counter() - began)


@pytest.mark.slow
def test_a_hundred_thousand_tasks_are_comfortable(
    open_page: Pages, site: Site, record_property: Callable[[str, object], None]
) -> None:
    page = open_page("about:blank")
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.goto(site.url)
    table = opened(page, site)
    table.kernel("many = tasks(100_000); ids = {t['number']: t['id'] for t in many}\n" + CHURN, timeout_s=120)
    figures: dict[str, float] = {}

    def first_is(number: int) -> Callable[[], None]:
        first = "document.querySelector('.tq-body > .tq-row:not(.tq-pending) .tq-cell-number')"
        return lambda: page.wait_for_function(f"{first}?.textContent === '{number}'", polling="raf")

    figures["shown, ms"] = timed_ms(
        lambda: table.kernel("view.upsert(many)", timeout_s=60), lambda: table.total(100_000)
    )
    first_is(100_000)()
    table.kernel("frame = view.model.frame()")
    by_name = table.kernel("int(frame.sort_values(['name', 'number'])['number'].iloc[0])")
    figures["sorted by name, ms"] = timed_ms(lambda: table.head("Name").click(), first_is(by_name))
    figures["sorted by number, ms"] = timed_ms(lambda: table.head("Number").click(), first_is(100_000))
    figures["scrolled to the end, ms"] = timed_ms(
        lambda: table.grid.evaluate("grid => { grid.scrollTop = grid.scrollHeight }"),
        lambda: expect(table.row(1)).to_be_visible(),
    )
    matching = table.kernel("int((frame['name'].str.contains('Newton')).sum())")
    box = table.root.get_by_role("searchbox")
    figures["filtered, ms"] = timed_ms(lambda: box.fill("newton"), lambda: table.total(matching))
    figures["filter cleared, ms"] = timed_ms(lambda: box.fill(""), lambda: table.total(100_000))
    first_is(100_000)()

    page.evaluate(LATENCY)
    # The second query puts rows that change out of place and in, and shows the one that is timed on top.
    for label, query in (("by number", ""), ("sorted by name, filtered", "@")):
        box.fill(query)
        if query:
            table.head("Name").click()
        table.eventually(lambda: table.root.get_attribute("data-waiting"), None)
        page.evaluate("window.latencies.length = 0")
        received.clear()
        cpu = table.kernel("time.process_time()")
        table.kernel("churn()", timeout_s=60)
        figures[f"1,000 upserts a second, {label}: kernel CPU, %"] = (
            100 * (table.kernel("time.process_time()") - cpu) / 2.5
        )
        seen = page.evaluate("window.latencies")  # lets the frames be counted, too
        figures[f"1,000 upserts a second, {label}: kB/s"] = sum(received) / 2.5 / 1000
        assert len(seen) > 5  # a window that has to be read anew is read up to four times a second
        figures[f"latency to the DOM, {label}: median, ms"] = statistics.median(seen)
        figures[f"latency to the DOM, {label}: p95, ms"] = statistics.quantiles(seen, n=20)[-1]
    for name, figure in figures.items():
        record_property(name, round(figure, 1))
    print(json.dumps({name: round(figure, 1) for name, figure in figures.items()}, indent=2))

    # Bounds that hold on a busy machine too; the report has the figures.
    assert figures["shown, ms"] < 15_000
    for name in ("sorted by name, ms", "scrolled to the end, ms", "filtered, ms"):
        assert figures[name] < 3000
    assert figures["latency to the DOM, by number: median, ms"] < 300
    assert figures["latency to the DOM, by number: p95, ms"] < 1000


def test_more_rows_than_a_page_can_be_high_scroll_to_their_end(table: Table) -> None:
    """The scroll bar is scaled past eight million pixels, and the keyboard still reaches every row."""
    table.kernel(
        "base = task(1)\n"
        "view.model.upsert([base | {'id': str(n), 'number': n, 'version': n} for n in range(501, 250_501)])",
        timeout_s=60,
    )
    table.total(250_500)
    table.root.get_by_role("searchbox").press("ArrowDown")
    table.page.keyboard.press("Control+End")
    table.eventually(lambda: focused(table)["number"], "1")
    table.page.keyboard.press("ArrowUp")
    table.eventually(lambda: focused(table)["number"], "2")
    table.grid.evaluate("grid => { grid.scrollTop = grid.scrollHeight / 2 }")
    table.eventually(lambda: any(120_000 < number < 130_000 for number in table.numbers()), True)
    table.page.keyboard.press("Control+Home")
    table.eventually(lambda: focused(table)["number"], "250500")
