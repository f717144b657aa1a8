"""The table in a real browser: seen, sorted, filtered, for everybody, on several screens and with nobody looking."""

from __future__ import annotations

import pytest
from boards import violations
from browser import Pages, Site, Sites, run_all_cells
from playwright.sync_api import expect
from table_page import CELLS, FRESH_START, Table, focused, opened, selection

#: Notes what the widget sends, beside sending it.
RECORD = (
    "sent = []; send = view.send\n"
    "view.send = lambda content, buffers=None: (sent.append(content), send(content, buffers))"
)

#: Keeps in `window.mostRows` how many rows were ever in the page at once.
WATCH_ROWS = """() => {
  window.mostRows = 0;
  const body = document.querySelector('.tq-body');
  const look = () => { window.mostRows = Math.max(window.mostRows, body.children.length); };
  new MutationObserver(look).observe(body, {childList: true});
}"""

pytestmark = pytest.mark.timeout(240)
expect.set_options(timeout=30_000)


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


def test_rows_that_come_back_in_the_place_of_a_notice_are_no_more_than_are_in_sight(table: Table) -> None:
    table.root.get_by_role("searchbox").fill("no such task")
    expect(table.root.get_by_text("No task matches")).to_be_visible()
    table.page.evaluate(WATCH_ROWS)
    table.root.get_by_role("button", name="Clear the filter").click()
    table.total(500)
    expect(table.row(500)).to_be_visible()
    assert table.page.evaluate("window.mostRows") < 40


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


def test_conditions_on_arguments_filter_and_say_so_and_the_column_of_an_argument_sorts(table: Table) -> None:
    table.kernel("view.upsert([task(n, arguments={'n': n % 3, 'β': n / 10}, version=10**6 + n)"
                 " for n in range(1, 501)])")  # fmt: skip
    box, taken = table.root.get_by_role("searchbox"), table.root.locator(".tq-taken")
    expect(taken).to_be_hidden()
    box.fill("n=2 β>=49.5")
    table.total(2)
    expect(taken).to_have_text("Tasks with the arguments n = 2 and β ≥ 49.5.")
    table.eventually(table.numbers, [500, 497])
    table.kernel("view.columns = ['number', 'name', 'argument.n', 'argument.β']")
    table.head("β").click()
    expect(table.head("β")).to_have_attribute("aria-sort", "ascending")
    table.eventually(table.numbers, [497, 500])
    assert table.kernel("[view.query.text, view.query.sort]") == ["n=2 β>=49.5", "argument.β"]
    box.fill("n=2")
    table.total(167)
    table.eventually(lambda: table.numbers(2), [2, 5])
    table.kernel("view.upsert([task(5, arguments={'n': 0, 'β': 0.5}, version=10**7)])")  # it fits no longer
    table.eventually(lambda: table.numbers(2), [2, 8])
    table.head("β").click()
    expect(table.head("β")).to_have_attribute("aria-sort", "descending")
    table.eventually(lambda: table.numbers(2), [500, 497])
    box.fill('"n=2"')
    expect(table.root.get_by_text("No task matches")).to_be_visible()
    expect(taken).to_be_hidden()


def test_an_order_that_the_service_refuses_is_taken_back_with_the_reason(table: Table) -> None:
    table.kernel("view.upsert([task(500, arguments={'n': 1}, version=10**6)])")
    table.kernel("view.columns = ['number', 'name', 'argument.n']\n"
                 "from taskq_kernel.errors import InvalidTask\nrows = view.model.rows\n"
                 "def refusing(query, *where):\n"
                 "    if query.by_argument: raise InvalidTask('too many to be sorted by the argument n')\n"
                 "    return rows(query, *where)\n"
                 "view.model.rows = refusing")  # fmt: skip
    try:
        table.head("n").click()
        expect(table.root.locator(".tq-toast")).to_contain_text("too many to be sorted by the argument n")
        expect(table.head("Number")).to_have_attribute("aria-sort", "descending")
        expect(table.head("n")).to_have_attribute("aria-sort", "none")
        expect(table.root).not_to_have_attribute("data-waiting", "")
        table.eventually(lambda: table.numbers(2), [500, 499])
    finally:
        table.kernel("view.model.rows = rows")


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


# ---- states


def test_loading_empty_error_and_away_are_told(table: Table) -> None:
    table.kernel("view.state = 'loading'")
    expect(table.root.get_by_text("Loading the tasks")).to_be_attached()
    table.kernel("view.state = 'error'; view.message = 'The service refused the token.'")
    # Not the toast of another test, which goes by itself.
    expect(table.root.locator("p[role=alert]")).to_have_text("The service refused the token.")
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
        # A heartbeat of the page may come meanwhile, and is answered.
        assert table.kernel("[one for one in sent if one['type'] != 'here']") == []
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


def test_axe_finds_no_serious_violation(open_page: Pages, table_site: Site) -> None:
    page = open_page(table_site.url)
    table = opened(page, table_site)
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


def test_a_phone_shows_cards_that_can_be_touched(open_page: Pages, table_site: Site) -> None:
    page = open_page(table_site.url, width=390, height=844, touch=True)
    table = opened(page, table_site)
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


def test_motion_stops_for_those_who_asked(open_page: Pages, table_site: Site) -> None:
    page = open_page(table_site.url, reduced_motion=True)
    table = opened(page, table_site)
    table.kernel(FRESH_START + "view.upsert([task(501, status='RUNNING')])")
    spinner = table.row(501).locator(".tq-status .tq-icon-RUNNING")
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
