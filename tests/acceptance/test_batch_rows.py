"""Batches as rows above the tasks: a row each that opens, with how far it is and why points failed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest
from boards import Board, violations
from browser import Pages, Site
from playwright.sync_api import Locator, expect
from table_page import FRESH_START, Table, opened

from taskq_kernel import Client

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)

#: Three tasks, and a batch of four points, of which two have failed; and six older batches.
SOME_BATCHES = FRESH_START + """
from batch_rows import batch, failed
acted = []; view._batch_handlers.clear()
view.on_batch_action(lambda action, one: acted.append([action, one]))
ising = batch("ising", failed(1, "DomainError", 6), failed(1, "KeyError", 7, line=None), left=190,
              QUEUEING=12, RUNNING=1, FINISHED=5, FAILED=2)
older = [batch(f"older {i}", FINISHED=3) for i in range(6)]
view.model.batch_rows = [ising, *older]
points = [task(n, name=f"point {n}", batch=ising["id"], point=n, status="FAILED" if n in (6, 7) else "FINISHED")
          for n in range(4, 8)]
view.model.replace([*tasks(3), *points])
"""
CLEARED = "view.model.batch_rows = []; view.model.replace([])"


@pytest.fixture
def folded(shared_table: Table) -> Iterator[Table]:
    """The shared page with three tasks and some batches."""
    shared_table.kernel(SOME_BATCHES)
    shared_table.total(3)
    expect(row_of(shared_table, "ising")).to_be_visible()
    yield shared_table
    shared_table.kernel(CLEARED + "; view.query = Query()")
    expect(batches(shared_table)).to_be_hidden()


def batches(table: Table) -> Locator:
    return table.root.get_by_role("region", name="Batches")


def row_of(table: Table, name: str) -> Locator:
    return batches(table).get_by_role("button", name=re.compile(f"^{name} "))


def test_a_batch_is_one_row_that_opens_with_its_points_and_the_causes_of_failures(folded: Table) -> None:
    # Given: a table without a filter. Then: its points are no rows, and all of it is told by one.
    row = row_of(folded, "ising")
    said = row.evaluate("one => one.textContent")
    assert said == (
        "ising (5 finished, 2 failed, 1 running, 12 queueing) 35 % of 20 3 min left "
        "1 × DomainError in line 3: DomainError it is"
    )
    shares = row.locator("i").evaluate_all("all => all.map(one => [one.dataset.status, Number(one.style.flexGrow)])")
    assert shares == [["FINISHED", 0.25], ["FAILED", 0.1], ["RUNNING", 0.05], ["QUEUEING", 0.6]]
    assert folded.numbers() == [3, 2, 1]
    # Older ones are a click away.
    expect(row_of(folded, "older 5")).to_be_hidden()
    batches(folded).get_by_role("button", name="2 older").click()
    expect(row_of(folded, "older 5")).to_be_visible()

    # When: it is opened by keyboard.
    row.focus()
    row.press("ArrowDown")
    expect(row_of(folded, "older 0")).to_be_focused()
    row_of(folded, "older 0").press("ArrowUp")
    row.press("Enter")
    # Then: the table has its points, and nothing but it is above them.
    expect(row).to_have_attribute("aria-expanded", "true")
    expect(row).to_be_focused()
    folded.total(4)
    folded.eventually(folded.numbers, [7, 6, 5, 4])
    expect(row_of(folded, "older 0")).to_be_hidden()
    causes = batches(folded).get_by_role("row").all_inner_texts()
    assert [" ".join(line.split()) for line in causes[1:]] == [
        "1 DomainError in line 3: DomainError it is Task 6", "1 KeyError: KeyError it is Task 7",
    ]
    # A filter is within it.
    folded.chip("FAILED").click()
    folded.total(2)
    folded.chip("FAILED").click()
    # An example opens, as the number that it has.
    batches(folded).get_by_role("button", name="Task 7").click()
    folded.eventually(lambda: folded.kernel("opened"), [["7", "task"]])

    # When: it is shut by Escape. Then: all is as it was.
    row.press("Escape")
    folded.total(3)
    expect(row_of(folded, "older 0")).to_be_visible()
    expect(row).to_have_attribute("aria-expanded", "false")


def test_a_filter_by_status_has_points_and_one_by_name_finds_batches_too(folded: Table) -> None:
    failed = folded.kernel("view.model.counts()['FAILED']")
    expect(folded.chip("FAILED").locator("b")).to_have_text(str(failed))  # as many as a click brings
    folded.chip("FAILED").click()
    folded.total(failed)
    expect(batches(folded)).to_be_hidden()
    folded.chip("FAILED").click()
    folded.root.get_by_role("searchbox").fill("older 3")
    expect(row_of(folded, "ising")).to_be_hidden()
    expect(row_of(folded, "older 3")).to_be_visible()
    folded.root.get_by_role("searchbox").fill("point")
    folded.total(4)
    # Where there are nothing but points, the table says what to do.
    folded.root.get_by_role("searchbox").fill("")
    folded.kernel("view.model.replace(points)")
    expect(folded.root.get_by_text("Every task is a point of a batch")).to_be_visible()


def test_a_batch_is_cancelled_once_that_is_confirmed_and_resumed(folded: Table) -> None:
    page = folded.page
    row_of(folded, "ising").click()
    batches(folded).get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog", name="Cancel 13 points of ising?")
    expect(dialog).to_contain_text("1 of them is running and will be stopped")
    dialog.get_by_role("button", name="Back").click()
    expect(dialog).to_be_hidden()
    batches(folded).get_by_role("button", name="Resume").click()
    folded.eventually(lambda: folded.kernel("acted"), [["resume", "id of ising"]])
    batches(folded).get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel 13 points").click()
    folded.eventually(lambda: folded.kernel("acted[1:]"), [["cancel", "id of ising"]])
    # What is done can be neither.
    folded.kernel("view.model.batch_rows[0] = batch('ising', FINISHED=20); view.upsert(points[:1])")
    expect(batches(folded).get_by_role("button", name="Cancel")).to_be_disabled()
    expect(batches(folded).get_by_role("button", name="Resume")).to_be_disabled()


def test_who_may_change_nothing_is_offered_nothing_that_changes_a_task_or_a_batch(folded: Table) -> None:
    folded.kernel("view.may_change = False")
    row_of(folded, "ising").click()
    folded.total(4)
    folded.row(6).get_by_role("checkbox").click()
    footer = folded.root.get_by_role("toolbar", name="Selected tasks").get_by_role("button")
    expect(footer).to_have_text(["", "Copy id", "Export CSV"])
    actions = batches(folded).get_by_role("button", name=re.compile("^(Cancel|Resume|Share)$"))
    expect(actions).to_have_count(0)
    # What it turns out that they may, is there at once.
    folded.kernel("view.may_change = True")
    expect(actions).to_have_text(["Cancel", "Resume", "Share"])
    expect(footer).to_have_text(["", "Cancel", "Retry", "Delete", "Copy id", "Export CSV"])
    folded.row(6).get_by_role("checkbox").click()
    row_of(folded, "ising").press("Escape")


def test_batches_are_live_and_nothing_is_sent_when_nothing_changed(folded: Table) -> None:
    row = row_of(folded, "ising")
    row.focus()
    folded.kernel(
        "view.model.batch_rows[0] = batch('ising', FINISHED=19, FAILED=1); view.upsert([points[0] | {'version': 99}])"
    )
    expect(row).to_contain_text("100 %")
    expect(row).to_be_focused()
    # Given: a point that is told of again. Then: the batches are read again, and say nothing that is new.
    folded.kernel(
        "sent, send = [], view.send\n"
        "view.send = lambda one, *rest: (sent.append(one) if one['type'] == 'patch' else send(one, *rest))\n"
        "asked = []; ask = view.model.batches\n"
        "view.model.batches = lambda *one: (asked.append(one), ask(*one))[1]\n"
        "view.upsert([points[0] | {'version': 99}])"
    )
    try:
        folded.eventually(lambda: folded.kernel("len(asked) > 0"), True)
        # What that reading brought is sent before the next one begins.
        folded.kernel("view.upsert([points[0] | {'version': 100}])")
        folded.eventually(lambda: folded.kernel("len(asked) > 1"), True)
        assert folded.kernel("sent") == []
    finally:
        folded.kernel("del view.send, view.model.batches")


def test_batches_are_for_everybody(open_page: Pages, table_site: Site) -> None:
    page = open_page(table_site.url)
    table = opened(page, table_site)
    for width in (1280, 800, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for theme in ("light", "dark"):
            table.kernel(f"{SOME_BATCHES}\nview.theme = {theme!r}")
            expect(table.root).to_have_attribute("data-theme", theme)
            expect(row_of(table, "ising")).to_have_attribute("aria-expanded", "false")  # shut since the last turn
            table.total(3)
            assert violations(page, ".tq-table") == []
            open_page.shot(page, f"batches-{width}-{theme}")
            row_of(table, "ising").click()
            table.total(4)
            expect(batches(table).get_by_role("button", name="Task 7")).to_be_visible()
            assert violations(page, ".tq-table") == []
            open_page.shot(page, f"batches-open-{width}-{theme}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            height = row_of(table, "ising").bounding_box()
            assert height is not None
            assert height["height"] >= (40 if width == 390 else 32)
            expect(table.row(7)).to_be_in_viewport(ratio=0.5)  # they leave room for the tasks


def test_a_sweep_is_watched_opened_and_resumed_on_the_board(voila_board: Board, pages: Pages, client: Client) -> None:
    board, name = voila_board, f"sweep {secrets.token_hex(4)}"
    board.overview.get_by_role("button", name=re.compile("^All")).click()
    board.search("")
    f = client.define("f(; n) = n > 3 ? error(\"no $(n)\") : n")
    sweep = f.sweep(n=list(range(8)), name=name)
    try:
        row = board.table.get_by_role("button", name=re.compile(f"^{name} "))
        expect(row).to_contain_text("(4 finished, 4 failed) 100 % of 8", timeout=90_000)
        row.click()
        expect(board.table.get_by_role("grid")).to_have_attribute("aria-rowcount", "9")
        pages.shot(board.page, "board-batch-open")
        example = board.table.locator(".tq-causes").get_by_role("button")
        expect(board.table.locator(".tq-causes")).to_contain_text("ErrorException")
        example.first.click()
        expect(board.detail.get_by_role("tab", name="Error")).to_have_attribute("aria-selected", "true")
        board.detail.get_by_role("button", name="Close the task").click()
        board.table.get_by_role("button", name="Resume").click()
        expect(board.table.locator(".tq-toast")).to_have_text("Resumed; 4 points run again")
        board.overview.get_by_role("button", name=re.compile("^Failed")).click()
        expect(board.table.get_by_role("grid")).to_have_attribute("aria-rowcount", "5")
        board.overview.get_by_role("button", name=re.compile("^All")).click()
        row.click()
    finally:
        sweep.delete()
    expect(board.table.get_by_role("button", name=re.compile(f"^{name} "))).to_be_hidden()


def test_an_open_batch_is_shared_from_its_row_and_its_link_revoked(folded: Table) -> None:
    folded.kernel("""
    def shared(content):
        url = "" if "revoke" in content else "http://lab.example.org/r/x?share=tqs_x"
        view.send({"type": "shared", "of": content["of"], "id": "s1", "url": url, "expires": None, "note": ""})
    view._on_share = shared
    """.replace("\n    ", "\n"))
    row_of(folded, "ising").click()
    batches(folded).get_by_role("button", name="Share").click()
    address = batches(folded).get_by_label("Address of the link")
    expect(address).to_have_value("http://lab.example.org/r/x?share=tqs_x")
    expect(batches(folded)).to_contain_text("Whoever has this address sees this batch, until it is revoked.")
    assert violations(folded.page, ".tq-batches") == []
    batches(folded).get_by_role("button", name="Revoke").click()
    expect(address).to_be_hidden()
    row_of(folded, "ising").click()
