"""Tasks that are submitted on the board in a real browser: in the dashboard and in JupyterLab."""

from __future__ import annotations

import re

import pytest
from boards import RECORD, Board, violations
from browser import Pages
from playwright.sync_api import expect

from taskq_kernel import Client

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("nothing_refused")]

expect.set_options(timeout=30_000)


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
    ("Threads", "many", "The number of threads is 'many': give a whole number."),
    ("Project", "/nowhere", "The project is '/nowhere', which is no folder"),
    ("Value of argument end", "1", "Argument 'end' is no name that Julia takes: end is a keyword of Julia"),
])
def test_what_was_typed_survives_an_error_that_stands_beside_its_field(
    pages: Pages, board: Board, name: str, field: str, typed: str, said: str
) -> None:
    board.write("1 + 1", name)
    if board.form.locator(".tqp-more:not([open])").count():
        board.form.get_by_text("More options").click()
    if board.form.locator(".tqp-needs:not([open])").count():
        board.form.get_by_text("What it needs").click()
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
