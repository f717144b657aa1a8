"""The table in a real browser: its rows selected and acted on, and gone through, by mouse and by keyboard."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import expect
from table_page import Table, focused, selection

pytestmark = pytest.mark.timeout(240)
expect.set_options(timeout=30_000)


# ---- by mouse


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
