"""The board in a real browser, on a real stack: in the dashboard and in JupyterLab."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from boards import RECORD, Board, choose_theme, dashboard, open_board, save_notebook, violations
from browser import Pages, pages_in
from playwright.sync_api import Browser, expect

from taskq_kernel import Client

if TYPE_CHECKING:
    from stacks import RunningStack  # the one beside the test folders

pytestmark = pytest.mark.timeout(300)

#: The typefaces of everything on the board that holds text itself.
TYPEFACES = """() => [...new Set([...document.querySelectorAll('.tq-board .tq *')]
  .filter(one => [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()))
  .map(one => getComputedStyle(one).fontFamily))].sort()"""
#: How the text of an element is set.
SETTING = """one => ['fontFamily', 'fontSize', 'lineHeight', 'whiteSpace', 'wordBreak', 'margin', 'padding']
  .map(name => getComputedStyle(one)[name])"""
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def voila(stack: RunningStack) -> Iterator[str]:
    with dashboard(stack.env) as served:
        yield served.url


@pytest.fixture(scope="module")
def pages(chromium: Browser) -> Iterator[Pages]:
    with pages_in(chromium) as pages:
        yield pages
    assert pages.refused == []  # not even what Voilà's and JupyterLab's own pages may ask for


@pytest.fixture(scope="module")
def voila_board(pages: Pages, voila: str) -> Board:
    return open_board(pages, "voila", voila)


@pytest.fixture(params=["voila", "lab"])
def board(request: pytest.FixtureRequest) -> Board:
    """The shared page, with no filter set."""
    board: Board = request.getfixturevalue(f"{request.param}_board")
    board.page.keyboard.press("Escape")
    board.search("")
    board.overview.get_by_role("button", name=re.compile("^All")).click()
    return board


@pytest.fixture
def name() -> str:
    """A name that no other task has."""
    return f"task {secrets.token_hex(4)}"


# -- submitting


def test_a_task_is_submitted_by_keyboard_and_watched_until_its_value_is_there(
    board: Board, client: Client, name: str
) -> None:
    page = board.page
    busy = client.submit_many(["sleep(60)"] * 2)  # both slots: the task waits first
    page.evaluate(RECORD)

    board.form.get_by_label("Name", exact=True).focus()
    page.keyboard.press("Control+a")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    expect(board.form.locator(".cm-content")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("sleep(0.5); 6 * 7")
    page.keyboard.press("Control+Enter")

    expect(board.chip(name)).to_have_text("Queueing")
    busy.cancel()
    expect(board.chip(name)).to_have_text("Finished")
    seen = [status for status, _at in page.evaluate("window.statuses")[name]]
    assert seen == ["QUEUEING", "RUNNING", "FINISHED"]
    expect(board.row(name).locator(".tq-cell-value")).to_have_text("42")
    expect(board.detail.locator("h2")).to_contain_text(name)
    expect(board.detail.locator(".tqp-value")).to_have_text("42")
    busy.delete()


def test_ctrl_s_in_the_editor_and_in_a_field_saves_the_notebook(lab_board: Board, name: str) -> None:
    page = lab_board.page
    unsaved = page.locator(".jp-mod-current.lm-TabBar-tab.jp-mod-dirty")
    saved = page.locator(".jp-mod-current.lm-TabBar-tab:not(.jp-mod-dirty)")
    field = lab_board.form.get_by_label("Name", exact=True)
    for focus in (lambda: lab_board.write("1 + 1", name), lambda: field.fill(name)):
        page.locator(".jp-Cell .cm-content").first.click()
        page.keyboard.press("Control+End")
        page.keyboard.type("  # changed")
        expect(unsaved).to_have_count(1)
        focus()
        page.keyboard.press("Control+s")
        expect(saved).to_have_count(1)
    page.keyboard.press("d")  # no other shortcut of the notebook gets through
    page.keyboard.press("d")
    expect(field).to_have_value(f"{name}dd")


def test_submit_says_why_it_cannot_work(board: Board, name: str) -> None:
    board.write("", name)
    expect(board.submit).to_be_disabled()
    expect(board.form.locator(".tqp-reason")).to_have_text("Write some code, or start from an example.")

    board.write("x = 1\ny = (2,", name)
    expect(board.form.locator(".tqp-reason")).to_contain_text("Line 2")
    expect(board.submit).to_be_disabled()
    board.page.keyboard.press("Control+Enter")
    expect(board.row(name)).to_have_count(0)

    board.write("x = 1", name)
    expect(board.submit).to_be_enabled()


@pytest.mark.parametrize(("field", "typed", "said"), [
    ("Timeout in seconds", "-3", "The timeout is '-3': give a number of seconds above 0."),  # the client refuses it
    ("Attempts", "101", "The number of attempts is 101: give 1 to 100."),  # and this the service
    ("Value of argument end", "1", "Argument 'end' is no name that Julia takes: end is a keyword of Julia"),
])
def test_what_was_typed_survives_an_error_that_stands_beside_its_field(
    pages: Pages, board: Board, name: str, field: str, typed: str, said: str
) -> None:
    board.write("1 + 1", name)
    if board.form.locator(".tqp-more:not([open])").count():
        board.form.get_by_text("More options").click()
    if "argument" in field:
        board.form.get_by_role("button", name="Add an argument").click()
        board.page.keyboard.type("end")
        field = "Value of argument 1"
    wrong = board.form.get_by_label(field, exact=True)
    wrong.fill(typed)
    board.submit.click()
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_accessible_description(re.compile(re.escape(said)))
    expect(board.form.locator(".tqp-reason")).to_have_text("Not submitted: see above.")
    assert violations(board.page, ".tqp-form") == []
    pages.shot(board.page, f"refused-{typed}")
    expect(wrong).to_have_value(typed)
    expect(board.form.get_by_label("Name", exact=True)).to_have_value(name)
    expect(board.form.locator(".cm-content")).to_contain_text("1 + 1")
    wrong.fill("")
    board.clear_arguments()
    board.submit.click()
    expect(board.chip(name)).to_have_text("Finished")
    expect(board.form.locator("[aria-invalid=true]")).to_have_count(0)


def test_arguments_are_values_where_they_can_be_and_strings_otherwise(board: Board, name: str) -> None:
    board.clear_arguments()
    board.write('string(typeof(n), " ", typeof(word), " ", n)', name)
    board.form.get_by_role("button", name="Add an argument").click()
    board.page.keyboard.type("n")
    board.page.keyboard.press("Tab")
    board.page.keyboard.type("12")
    expect(board.form.locator(".tqp-kind").first).to_have_text("number")
    board.form.get_by_role("button", name="Add an argument").click()
    board.page.keyboard.type("word")
    board.page.keyboard.press("Tab")
    board.page.keyboard.type("twelve")
    expect(board.form.locator(".tqp-kind").last).to_have_text("text")
    board.submit.click()
    expect(board.detail.locator("h2")).to_contain_text(name)
    expect(board.detail.locator(".tqp-value")).to_have_text("Int64 String 12")
    board.clear_arguments()


@pytest.mark.parametrize("width", [1280, 390])
def test_literals_of_julia_mean_what_they_say_and_beside_text_stands_text_at_every_width(
    pages: Pages, voila_board: Board, name: str, width: int
) -> None:
    board = voila_board
    typed = {
        "a": ("10:30", "range"), "b": (".5", "number"), "c": ("1//3", "fraction"), "d": ("π", "number"),
        "e": ("1_000_000", "number"), "f": ("1e3", "number"), "g": ("1 + 2im", "complex"), "h": ("nothing", "nothing"),
        "i": ("[1, 2]", "list"), "j": (":sym", "symbol"), "k": ("1,15", "text"), "l": ("a + 1", "text"),
    }  # fmt: skip
    board.page.set_viewport_size({"width": width, "height": 844})
    try:
        board.clear_arguments()
        board.write("string.(typeof.([a, b, c, d, e, f, g, h, i, j, k, l]))", name)
        for key, (text, _kind) in typed.items():
            board.form.get_by_role("button", name="Add an argument").click()
            board.page.keyboard.type(key)
            board.page.keyboard.press("Tab")
            board.page.keyboard.type(text)
        for place, (_text, kind) in enumerate(typed.values()):
            shown = board.form.locator(".tqp-row .tqp-kind").nth(place)
            expect(shown).to_have_text(kind)
            expect(shown).to_be_visible()
        pages.shot(board.page, f"arguments-{width}")
        assert board.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        board.submit.click()
        expect(board.detail.locator("h2")).to_contain_text(name)
        for kind in ("UnitRange{Int64}", "Rational{Int64}", "Complex{Int64}", "Symbol", "Nothing", "Array{Int64,1}"):
            expect(board.detail.get_by_role("cell", name=kind, exact=True).first).to_be_visible()
        board.clear_arguments()
    finally:
        board.page.set_viewport_size({"width": 1280, "height": 800})


def test_every_example_declares_fields_with_label_range_and_help_and_folds_its_code_away(
    pages: Pages, board: Board
) -> None:
    picker = board.form.get_by_label("Start from an example")
    titles = [title for title in picker.locator("option").all_text_contents() if title != "Start from an example"]
    assert len(titles) >= 21
    for title in titles:
        picker.select_option(label=title)
        expect(board.form.get_by_label("Name", exact=True)).to_have_value(title)
        expect(board.form.locator(".tqp-parameters .tqp-field").first).to_be_visible()
        expect(board.form.locator(".tqp-fold")).to_have_attribute("aria-expanded", "false")
        expect(board.form.locator(".cm-content")).to_be_hidden()
        for field in board.form.locator(".tqp-parameters .tqp-field").all():
            expect(field.locator(".tqp-hint")).to_contain_text(re.compile(r"From \S.* to \S"))
        expect(board.submit).to_have_attribute("aria-disabled", "false")
    pages.shot(board.page, f"{'lab' if '/lab' in board.page.url else 'voila'}-example")
    board.unfold()
    expect(board.form.locator(".cm-content")).to_contain_text("parameters")
    assert violations(board.page, ".tqp-form") == []
    board.write("1", "no example")
    expect(board.form.locator(".tqp-parameters .tqp-field")).to_have_count(0)


def test_text_in_a_parameter_is_refused_with_a_sentence_before_anything_is_submitted(
    pages: Pages, board: Board
) -> None:
    form = board.form
    form.get_by_label("Start from an example").select_option(label="Follow a planet around its sun")
    speed, turns = form.get_by_label("Speed at the start"), form.get_by_label("Turns")
    expect(speed).to_have_value("1.15")
    field = form.locator(".tqp-field", has=board.page.get_by_label("Speed at the start"))
    remark = field.locator(".tqp-remark")
    for text, said in (
        ("fast", "Speed at the start is “fast”: give a number, such as 1.15."),
        ("1,15", "Speed at the start is “1,15”: a point stands before the decimals: write 1.15."),
        ("9", "Speed at the start is “9”: the most is 1.4."),
    ):
        speed.fill(text)
        expect(remark).to_have_text(said)
        expect(form.locator(".tqp-reason")).to_have_text(said)
        expect(board.submit).to_have_attribute("aria-disabled", "true")
        expect(speed).to_have_attribute("aria-invalid", "true")
    pages.shot(board.page, f"{'lab' if '/lab' in board.page.url else 'voila'}-refused")
    speed.fill("1.1")
    speed.press("ArrowUp")
    expect(speed).to_have_value("1.15")
    expect(remark).to_have_text("")
    turns.fill("1e1")
    field = form.locator(".tqp-field", has=board.page.get_by_label("Turns"))
    expect(field.locator(".tqp-kind")).to_have_text("= 10")
    turns.fill("1,000,000")
    expect(field.locator(".tqp-remark")).to_contain_text("the most is 50")
    turns.fill("1")
    expect(board.submit).to_have_attribute("aria-disabled", "false")
    board.submit.click()
    board.detail.scroll_into_view_if_needed()  # what nobody sees is not loaded
    expect(board.detail.locator("img.tqp-image")).to_be_visible()
    board.write("1", "no example")
    expect(speed).to_have_count(0)


def test_an_example_can_be_submitted_and_read_by_somebody_who_does_not_code(board: Board) -> None:
    board.form.get_by_label("Start from an example").select_option(label="Follow a planet around its sun")
    expect(board.form.locator(".tqp-note")).to_contain_text("Runge–Kutta")
    expect(board.form.get_by_label("Speed at the start")).to_have_value("1.15")
    board.submit.click()
    board.detail.scroll_into_view_if_needed()  # what nobody sees is not loaded
    image = board.detail.locator("img.tqp-image")
    expect(image).to_be_visible()
    expect(image).to_have_attribute("src", re.compile("^data:image/svg[+]xml;base64,"))
    board.clear_arguments()


# -- reading


def test_a_failing_task_shows_its_error_with_the_users_line_first(board: Board, name: str) -> None:
    board.submit_task("half(x) = sqrt(x) / 2\nhalf(-1.0)", name)
    expect(board.chip(name)).to_have_text("Failed")
    expect(board.detail.get_by_role("tab", name="Error")).to_have_attribute("aria-selected", "true")
    expect(board.detail.locator(".tqp-error-name")).to_contain_text("DomainError in line 1")
    expect(board.detail.locator(".tqp-trace").first).to_contain_text("half(x) = sqrt(x) / 2")
    expect(board.row(name).locator(".tq-cell-value")).to_contain_text("DomainError")


def test_the_log_of_a_running_task_grows_while_it_is_read(board: Board, name: str) -> None:
    board.submit_task('for i in 1:4\n    println("line ", i)\n    sleep(0.6)\nend', name)
    expect(board.detail.locator("h2")).to_contain_text(name)
    board.detail.get_by_role("tab", name="Log").click()
    expect(board.detail.locator(".tqp-log")).to_contain_text("line 1")
    expect(board.detail.locator(".tq-status")).to_have_text("Running")
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
