"""The Julia editor in a real browser: typing, completing, indenting, submitting, leaving."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from boards import violations
from browser import Pages, Site, Sites, pages_in, run_all_cells
from playwright.sync_api import Browser, Page, expect
from taskq_widgets.assets import bundle

CODE = """using LinearAlgebra, Statistics

# spectral gap of a random symmetric matrix
function gap(; n::Int, β = 1.0)
    e = eigvals(Symmetric(β * randn(n, n)))
    return e[end] - e[end-1]
end

@info "mean: $(mean(gap(n = 200) for _ in 1:10))"
"""
CELLS = [
    "from taskq_widgets import JuliaEditor\nfrom ipywidgets import Button, VBox\n"
    "editor = JuliaEditor(placeholder='Julia code', label='Code of the task')\nsubmitted = []\n"
    "editor.on_submit(submitted.append)\n"
    f"code = {CODE!r}\nreader = JuliaEditor(value=code, read_only=True, label='Code that ran')",
    "VBox([Button(description='before'), editor, editor, Button(description='after'), reader])",
]

pytestmark = pytest.mark.timeout(240)
expect.set_options(timeout=30_000)


class Editor:
    """The editor on a page, and the kernel behind it. It is displayed twice; tests type into the first."""

    def __init__(self, page: Page, kernel: Callable[..., Any]) -> None:
        self.page = page
        self.kernel = kernel
        self.root = page.locator(".tq-editor:not(.tq-editor-overlay)").first
        self.twin = page.locator(".tq-editor:not(.tq-editor-overlay)").nth(1)
        self.text = self.root.get_by_role("textbox")
        self.press = page.keyboard.press
        self.type = page.keyboard.type

    def eventually(self, seen: Callable[[], Any], wanted: Any, timeout_s: float = 30) -> None:
        """Wait until something is as wanted."""
        deadline = time.monotonic() + timeout_s
        while (now := seen()) != wanted:
            assert time.monotonic() < deadline, f"is {now!r}, wanted {wanted!r}"
            self.page.wait_for_timeout(20)

    def value(self, wanted: str) -> None:
        """Wait until Python has a text."""
        self.eventually(lambda: self.kernel("editor.value"), wanted)

    def start(self, code: str = "") -> None:
        """Begin with some code, the cursor at its end."""
        self.kernel(f"editor.value = {code!r}")
        self.eventually(self.shown, code)
        self.text.click()
        self.press("Control+End")

    def shown(self) -> str:
        """Return the text as the editor shows it."""
        text: str = self.root.evaluate(
            "root => root.querySelector('.cm-placeholder') ? ''"
            " : Array.from(root.querySelectorAll('.cm-line'), line => line.textContent).join('\\n')"
        )
        return text


def opened(page: Page, site: Site) -> Editor:
    """Return the editor on a page that was opened last."""
    page.locator(".tq-editor .cm-content").first.wait_for()
    return Editor(page, site.kernel())


@pytest.fixture(scope="module")
def shared(chromium: Browser, serve: Sites) -> Iterator[Editor]:
    site = serve("voila", CELLS)
    with pages_in(chromium) as pages:
        yield opened(pages(site.url), site)


@pytest.fixture
def editor(shared: Editor) -> Editor:
    """The shared page with an empty editor."""
    shared.press("Escape")
    shared.kernel("editor.diagnostics = []; editor.read_only = False; editor.theme = 'auto'; submitted.clear()")
    shared.start()
    shared.eventually(lambda: shared.kernel("editor.syntax_error"), None)
    return shared


def test_what_is_typed_reaches_python_and_the_other_display(editor: Editor) -> None:
    expect(editor.root.locator(".cm-placeholder")).to_have_text("Julia code")
    editor.type("x = 1")
    editor.value("x = 1")
    expect(editor.twin.locator(".cm-line").first).to_have_text("x = 1")


def test_what_python_sets_is_shown_and_the_cursor_stays(editor: Editor) -> None:
    editor.start("a = 1\nb = 2")
    editor.kernel("editor.value = 'a = 10\\nb = 2'")
    editor.eventually(editor.shown, "a = 10\nb = 2")
    editor.type("0")
    editor.value("a = 10\nb = 20")


def test_a_name_and_tab_give_its_symbol(editor: Editor) -> None:
    editor.type("\\alpha")
    editor.press("Tab")
    editor.type("\\_1 = \\sqrt")
    editor.press("Tab")
    editor.value("α\\_1 = √")


def test_subscripts_complete_too(editor: Editor) -> None:
    editor.type("x\\_1")
    editor.press("Tab")
    editor.value("x₁")


def test_names_are_offered_while_one_is_typed(editor: Editor) -> None:
    editor.type("\\bet")
    options = editor.page.get_by_role("option")
    expect(options.first).to_contain_text("\\beta")
    expect(options.first).to_contain_text("β")
    # CodeMirror takes no choice in the first 75 ms (`interactionDelay`): the key may be meant for the text.
    editor.page.wait_for_timeout(150)
    editor.press("Enter")
    editor.value("β")


def test_tab_indents_and_shift_tab_takes_it_back(editor: Editor) -> None:
    editor.press("Tab")
    editor.type("x")
    editor.value("    x")
    editor.press("Shift+Tab")
    editor.value("x")


def test_a_new_line_in_a_block_is_indented_and_end_falls_back(editor: Editor) -> None:
    editor.type("for i in 1:3\nf(i)\nend")
    editor.value("for i in 1:3\n    f(i)\nend")


@pytest.mark.parametrize(
    "head",
    [
        "function f(x)", "function f(x::T) where T", "macro m(x)", "struct P{T} <: Q", "let x = 1", "do_it(xs) do x",
        "try", "quote", "module M", "while true", "x = begin", "if a", "if a\n1\nelseif b", "if a\n1\nelse",
        "try\n1\ncatch e",
    ],
)  # fmt: skip
def test_a_new_line_in_every_block_is_indented(editor: Editor, head: str) -> None:
    editor.type(f"{head}\nx\nend")
    lines = head.split("\n")
    middle = ["    1"] * (len(lines) == 3)
    editor.value("\n".join([lines[0], *middle, *lines[2:], "    x", "end"]))


def test_a_text_in_triple_quotes_is_typed_as_it_stands(editor: Editor) -> None:
    editor.type('"""doc"""\nf(x) = "a" * """b"c"""')
    editor.value('"""doc"""\nf(x) = "a" * """b"c"""')
    editor.start()
    editor.type('"""Say "hi" or "no"."""')
    editor.value('"""Say "hi" or "no"."""')
    editor.start()
    editor.type('"""')
    editor.value('""""""')
    editor.type("doc")
    editor.value('"""doc"""')


@pytest.mark.parametrize(
    ("code", "typed", "name", "detail"),
    [
        ("", "contin", "continue", "keyword"), ("", "eachin", "eachindex", ""),
        ("", "eigva", "eigvals", "LinearAlgebra"), ("", "@inbo", "@inbounds", ""),
        ("temperature_now = 3\n", "temper", "temperature_now", ""),
        ("x = Threads.", "nthr", "nthreads", ""), ("", "walke", "walkers_given", "argument"),
    ],
)  # fmt: skip
def test_names_are_completed_julias_own_the_codes_and_the_arguments(
    editor: Editor, code: str, typed: str, name: str, detail: str
) -> None:
    editor.kernel("editor.names = ['walkers_given']")
    editor.start(code)
    editor.type(typed)
    option = editor.page.get_by_role("option").first
    expect(option.locator(".cm-completionLabel")).to_have_text(name)
    expect(option).to_have_text(name + detail)
    # CodeMirror takes no choice in the first 75 ms (`interactionDelay`): the key may be meant for the text.
    editor.page.wait_for_timeout(150)
    editor.press("Tab")
    editor.value(code + name)


def test_enter_ends_a_line_while_names_are_offered(editor: Editor) -> None:
    editor.type("eachin")
    expect(editor.page.get_by_role("option").first).to_be_visible()
    editor.page.wait_for_timeout(150)
    editor.press("Enter")
    editor.type("y")
    editor.value("eachin\ny")


def height(editor: Editor) -> float:
    """Return how high the code is shown."""
    box = editor.root.locator(".cm-scroller").bounding_box()
    assert box is not None
    return box["height"]


def test_the_editor_grows_with_the_code_to_sixty_hundredths_of_the_window(editor: Editor) -> None:
    least = height(editor)
    editor.start("\n".join(f"x{i} = {i}" for i in range(15)))
    editor.eventually(lambda: least + 100 < height(editor) < 480, True)
    editor.start("\n".join(f"x{i} = {i}" for i in range(100)))
    editor.eventually(lambda: round(height(editor)), 480)  # of 800
    editor.start()
    editor.eventually(lambda: height(editor), least)


def test_the_editors_lower_edge_can_be_dragged_and_a_double_click_gives_the_height_back(editor: Editor) -> None:
    least = height(editor)
    handle = editor.root.locator(".tq-editor-handle")
    handle.hover()
    box = handle.bounding_box()
    assert box is not None
    editor.page.mouse.down()
    editor.page.mouse.move(box["x"] + 50, box["y"] + 4 + 150)
    editor.page.mouse.up()
    editor.eventually(lambda: abs(height(editor) - least - 150) < 8, True)
    handle.dblclick()
    editor.eventually(lambda: height(editor), least)


def test_brackets_come_in_pairs_but_not_the_adjoint(editor: Editor) -> None:
    editor.type("f((A)'")
    editor.value("f((A)')")
    expect(editor.root.locator(".cm-matchingBracket").first).to_be_attached()


def test_undo_brings_back_what_was(editor: Editor) -> None:
    editor.start("a")
    editor.type("b")
    editor.value("ab")
    editor.press("Control+z")
    editor.value("a")
    editor.press("Control+y")
    editor.value("ab")


#: A stand-in for the model of ipywidgets, whose messages come when this script says so.
TYPE_WHILE_AN_ANSWER_IS_UNDER_WAY = """async (bundle) => {
    const traits = { value: "a", diagnostics: [], syntax_error: null, read_only: false, placeholder: "", label: "x",
                     theme: "auto", min_height: "1px", max_height: "99px" };
    const handlers = {}, saved = [];
    const model = {
        get: (name) => traits[name],
        set: (name, value) => { traits[name] = value; (handlers[`change:${name}`] ?? []).forEach((call) => call()); },
        save_changes: () => saved.push(traits.value),
        send: () => {}, on: (event, call) => (handlers[event] ??= []).push(call), off: () => {},
    };
    const { default: widget } = await import(URL.createObjectURL(new Blob([bundle], { type: "text/javascript" })));
    const place = document.body.appendChild(document.createElement("div"));
    const close = widget.render({ model, el: place });
    const text = place.querySelector(".cm-content");
    const typed = async (letter) => {
        text.focus();
        getSelection().selectAllChildren(text);
        getSelection().collapseToEnd();
        const was = traits.value;
        document.execCommand("insertText", false, letter);
        while (traits.value === was) await new Promise((go) => setTimeout(go));
    };
    await typed("b");
    const unsaved = !saved.length;
    model.set("value", "a");  // as it was sent before
    const seen = [unsaved, text.textContent, traits.value];
    while (!saved.length) await new Promise((go) => setTimeout(go));
    model.set("value", "from Python");
    seen.push(saved[0], text.textContent);
    close();
    place.remove();
    return seen;
}"""


def test_what_is_typed_while_python_answers_stays(editor: Editor) -> None:
    seen = editor.page.evaluate(TYPE_WHILE_AN_ANSWER_IS_UNDER_WAY, bundle("editor"))

    assert seen == [True, "ab", "ab", "ab", "from Python"]


def test_ctrl_enter_submits_what_was_typed_last(editor: Editor) -> None:
    editor.type("1 + 1")
    editor.press("Control+Enter")
    editor.eventually(lambda: editor.kernel("submitted"), ["1 + 1"])
    assert editor.kernel("[editor.value, editor.syntax_error]") == ["1 + 1", None]


def test_a_submission_carries_its_syntax_error(editor: Editor) -> None:
    editor.type("x = = 1")
    editor.press("Control+Enter")
    editor.eventually(lambda: editor.kernel("submitted"), ["x = = 1"])
    assert editor.kernel("editor.syntax_error['line']") == 1


def test_a_syntax_error_is_marked_at_its_line_and_told_to_python(editor: Editor) -> None:
    editor.start("x = 1\ny = = 2\n")
    expect(editor.root.get_by_role("status")).to_have_text("Line 2: the code does not parse here")
    expect(editor.root.locator(".cm-lint-marker-error")).to_have_count(1)
    editor.eventually(lambda: editor.kernel("editor.syntax_error and editor.syntax_error['line']"), 2)
    editor.press("Control+End")
    editor.press("ArrowUp")
    editor.press("Home")
    editor.press("ArrowRight")
    for _ in range(4):
        editor.press("Delete")
    editor.type(" = ")
    editor.eventually(lambda: editor.kernel("editor.syntax_error"), None)
    expect(editor.root.get_by_role("status")).to_be_hidden()


def test_remarks_from_python_are_shown_at_their_lines_and_move_with_them(editor: Editor) -> None:
    editor.start("a = 1\nb = sqrt(-1)\n")
    editor.kernel("editor.diagnostics = [{'line': 2, 'message': 'DomainError: -1 < 0', 'severity': 'warning'}]")
    expect(editor.root.get_by_role("status")).to_have_text("Line 2: DomainError: -1 < 0")
    expect(editor.root.locator(".cm-lintRange-warning")).to_have_text("b = sqrt(-1)")
    editor.press("Control+Home")
    editor.type("\n")
    expect(editor.root.get_by_role("status")).to_have_text("Line 3: DomainError: -1 < 0")
    editor.kernel("editor.diagnostics = []")
    expect(editor.root.locator(".cm-lintRange")).to_have_count(0)


def test_a_remark_past_the_end_is_shown_at_the_last_line(editor: Editor) -> None:
    editor.start("a")
    editor.kernel("editor.diagnostics = [{'line': 99, 'column': 50, 'message': 'late'}]")
    expect(editor.root.get_by_role("status")).to_have_text("Line 1: late")


def test_escape_then_tab_leaves_the_editor(editor: Editor) -> None:
    editor.press("Escape")
    editor.press("Tab")
    expect(editor.text).not_to_be_focused()
    expect(editor.twin.get_by_role("textbox")).to_be_focused()


def test_the_editor_is_named_and_says_how_to_leave_it(editor: Editor) -> None:
    expect(editor.text).to_have_accessible_name("Code of the task")
    expect(editor.text).to_have_accessible_description("Tab indents. To leave the editor, press Escape, then Tab.")
    editor.kernel("editor.label = 'Julia'")
    expect(editor.text).to_have_accessible_name("Julia")
    editor.kernel("editor.label = 'Code of the task'")


def test_python_can_put_the_cursor_into_the_editor(editor: Editor) -> None:
    editor.page.get_by_role("button", name="after").focus()
    editor.kernel("editor.focus()")
    expect(editor.page.locator(".cm-editor.cm-focused")).to_have_count(1)


def test_code_to_read_is_highlighted_and_cannot_be_changed(editor: Editor) -> None:
    reader = editor.page.get_by_role("textbox", name="Code that ran")
    expect(reader).to_have_attribute("aria-readonly", "true")
    colour = "element => getComputedStyle(element).color"
    assert reader.get_by_text("using").first.evaluate(colour) != reader.evaluate(colour)
    reader.click()
    editor.type("x")
    editor.press("Control+Enter")
    assert editor.kernel("reader.value") == CODE
    assert editor.kernel("submitted") == []


def test_a_long_text_scrolls_inside_the_editor(editor: Editor) -> None:
    editor.start("\n".join(f"x{i} = {i}" for i in range(100)))
    box = editor.root.bounding_box()
    assert box is not None
    assert box["height"] < 520


def test_axe_finds_no_serious_violation_and_the_editor_fits_a_phone(open_page: Pages, serve: Sites) -> None:
    site = serve("voila", CELLS, dark=True)
    page = open_page(site.url, dark=True, touch=True)
    editor = opened(page, site)
    expect(editor.root).to_have_attribute("data-theme", "dark")
    for theme in ("dark", "light"):
        editor.kernel(f"editor.theme = {theme!r}")
        expect(editor.root).to_have_attribute("data-theme", theme)
        editor.start(CODE + "for i in 1:3\n    \\alp")
        expect(editor.root.get_by_role("status")).to_have_text("Line 11: the code does not parse here")
        editor.press("Control+Space")
        expect(page.get_by_role("option").first).to_be_visible()
        assert violations(page, ".tq-editor") == []
        open_page.shot(page, f"editor-{theme}")
        editor.press("Escape")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    open_page.shot(page, "editor-phone")


def test_the_editor_works_in_jupyterlab(open_page: Pages, serve: Sites) -> None:
    site = serve("lab", [CELLS[0], "editor"], dark=True)
    page = open_page(site.url, dark=True)
    run_all_cells(page)
    editor = opened(page, site)
    expect(editor.root).to_have_attribute("data-theme", "dark")
    editor.text.click()
    editor.type("\\alpha")
    editor.press("Tab")
    editor.type(" + 1")
    editor.press("Control+Enter")  # JupyterLab would run the cell again
    editor.eventually(lambda: editor.kernel("submitted"), ["α + 1"])
    editor.press("Escape")  # and leave for its command mode
    editor.type("a")
    editor.value("α + 1a")
    expect(page.locator(".jp-Cell")).to_have_count(3)
    open_page.shot(page, "editor-lab-dark")
