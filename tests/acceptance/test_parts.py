"""The parts of the board, each alone and in ordinary ipywidgets boxes: in JupyterLab and in Voilà."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from boards import violations
from browser import Pages, Sites, run_all_cells
from playwright.sync_api import Locator, expect
from relay import Relay, relay

from taskq_kernel import Client

if TYPE_CHECKING:
    from stacks import RunningStack  # the one beside the test folders

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)

#: A cell for each way to show a part; the number of the output is its place here.
CELLS = [
    'TaskTable(q, status="FAILED", height="300px")',
    'form = SubmitForm(q, code="20 + 3"); form',
    "TaskDetail(q, {number})",
    "Overview(q)",
    "HBox([TaskTable(q, chips=False), TaskDetail(q, {number})])",
    "HBox([SubmitForm(q), VBox([Overview(q), TaskDetail(q, {number}, height='260px')])])",
    'Tab([SubmitForm(q), TaskTable(q)], titles=["Submit", "Tasks"])',
    'Accordion([VBox([Overview(q), TaskTable(q)]), TaskDetail(q, {number})], titles=["All", "One"], selected_index=0)',
    "VBox([TaskTable(q, batch=None if n else 'none', height='200px') for n in range(6)])",
]
TABLES = 10
#: Changes what a page sends to its kernel; not its length, for a frame tells where its parts begin.
FORGE = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data === "string") return send.call(this, data.replaceAll('"priority":"high"', '"priority":"HIGH"'));
  const place = new TextDecoder("latin1").decode(data).indexOf('"priority":"high"');
  const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0);
  if (place >= 0) bytes.set(new TextEncoder().encode("HIGH"), place + 12);
  return send.call(this, data);
};
"""


@pytest.fixture
def door(stack: RunningStack) -> Iterator[Relay]:
    with relay(stack.url) as door:
        yield door


def beginning(stack: RunningStack, url: str) -> str:
    """Return the cell that all others need."""
    token_file = stack.home / "tokens" / "admin.token"
    return (
        "from pathlib import Path\nfrom ipywidgets import Accordion, HBox, Tab, VBox, Widget\n"
        "from taskq_kernel import connect\nfrom taskq_widgets import Overview, SubmitForm, TaskDetail, TaskTable\n"
        f"q = connect({url!r}, token=Path({str(token_file)!r}).read_text())"
    )


def row(place: Locator, name: str) -> Locator:
    """Return the row of a task in a table, by the task's name."""
    return place.locator(".tq-body > .tq-row").filter(has_text=name)


@pytest.mark.parametrize("kind", ["voila", "lab"])
def test_each_part_works_alone_and_in_boxes_over_one_connection(
    kind: str, stack: RunningStack, client: Client, door: Relay, serve: Sites, open_page: Pages
) -> None:
    name = f"part {secrets.token_hex(3)}"
    # Given: a task of each outcome, and a notebook with each part in a cell of its own.
    good = client.submit('println("heard"); 6 * 7', name=f"{name} good")
    bad = client.submit('error("as told")', name=f"{name} bad")
    for task in (good, bad):
        task.wait(60)
    cells = [cell.replace("{number}", str(good.number)) for cell in CELLS]
    site = serve(kind, [beginning(stack, door.url), *cells])

    # When: a tall window, in which JupyterLab renders all cells.
    page = open_page(site.url, height=7000)
    if kind == "lab":
        run_all_cells(page)
    outputs = page.locator(".jp-OutputArea-output", has=page.locator(".tq"))
    expect(outputs).to_have_count(len(CELLS), timeout=90_000)
    failed, form, detail, overview, pair, mixed, tab, accordion, many = outputs.all()

    # Then: each part alone shows what it is for.
    expect(row(failed, f"{name} bad").locator(".tq-status")).to_have_text("Failed")
    expect(row(failed, f"{name} good")).to_have_count(0)
    expect(detail.locator(".tqp-value")).to_have_text("42")
    expect(overview.locator(".tq-chip", has_text="Finished").locator("b")).to_have_text(re.compile("[1-9]"))
    expect(form.locator(".cm-content")).to_have_text("20 + 3")
    form.get_by_label("Name", exact=True).fill(f"{name} submitted")
    form.get_by_role("button", name="Submit", exact=True).click()
    expect(form.locator(".tqp-reason")).to_contain_text("Submitted as number")

    # Then: in boxes they share the room, and what one submits all tables show.
    expect(row(pair, f"{name} submitted").locator(".tq-status")).to_have_text("Finished")
    expect(pair.locator(".tqp-value")).to_have_text("42")
    expect(mixed.locator(".tqp-value")).to_have_text("42")
    expect(mixed.locator(".cm-content")).to_be_visible()
    tab.get_by_role("tab", name="Tasks", exact=True).or_(tab.locator(".lm-TabBar-tab", has_text="Tasks")).first.click()
    expect(row(tab, f"{name} submitted").locator(".tq-cell-value")).to_have_text("23")
    expect(row(accordion, f"{name} submitted").locator(".tq-status")).to_have_text("Finished")
    accordion.locator(".lm-AccordionPanel-title, .jupyter-widget-Collapse-header").last.click()
    expect(accordion.locator(".tqp-value")).to_have_text("42")
    expect(row(many, f"{name} submitted").locator(".tq-status")).to_have_count(5)

    open_page.shot(page, f"parts-{kind}")
    assert [problem for output in outputs.all() for problem in crushed(output)] == []
    assert violations(page, ".tq") == []

    # Then: all of it took one WebSocket.
    tables = "[one for one in Widget.widgets.values() if isinstance(one, TaskTable)]"
    assert site.kernel()(f"len({tables})") == TABLES
    assert door.websockets() == 1


def crushed(output: Locator) -> list[str]:
    """Return the parts in an output that have too little room, or more than there is."""
    found: list[str] = output.evaluate("""output => {
      const room = output.getBoundingClientRect();
      return [...output.querySelectorAll('.tqp, .tq-table')].filter(part => part.offsetParent).flatMap(part => {
        const box = part.getBoundingClientRect();
        const what = [part.className, ...[box.width, box.height, room.width].map(Math.round)].join(' ');
        return box.width < 240 || box.height < 60 || box.right > room.right + 1 ? [what] : [];
      });
    }""")
    return found


def test_a_forged_value_is_refused_quietly_and_the_page_shows_what_holds(
    stack: RunningStack, serve: Sites, open_page: Pages
) -> None:
    # Given: a form on a page that sends something else than it should.
    watch = (
        "import logging; lines = []; tracebacks = []\n"
        "log = logging.getLogger('taskq_widgets'); log.propagate = False; log.addHandler(logging.Handler())\n"
        "log.handlers[-1].emit = lambda record: lines.append(record.getMessage())\n"
        "get_ipython().showtraceback = lambda *_, **__: tracebacks.append(1)"
    )
    site = serve("voila", [beginning(stack, stack.url), watch, "form = SubmitForm(q, code='1'); form"])
    page = open_page("about:blank")
    page.add_init_script(FORGE)
    page.goto(site.url)
    page.get_by_text("More options").click(timeout=90_000)
    priority = page.get_by_label("Priority")
    kernel = site.kernel()

    # When: the form would say a priority that there is not.
    priority.select_option("low")
    kernel.wait("form.priority == 'low'")
    priority.select_option("high")

    # Then
    kernel.wait("lines")
    expect(priority).to_have_value("low")
    assert kernel("form.priority") == "low"
    assert "SubmitForm" in kernel("lines[0]")
    assert "'HIGH'" in kernel("lines[0]")
    assert kernel("tracebacks") == []
