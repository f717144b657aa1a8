"""A notebook that is saved: with the board, for whoever has no kernel, and with a picture that filled in meanwhile."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from boards import lab_site, open_board, save_notebook
from browser import Pages, Sites, run_all_cells
from playwright.sync_api import expect
from stacks import eventually

from taskq_kernel import connect

if TYPE_CHECKING:
    from stacks import RunningStack

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)


def html_outputs(notebook: Path) -> list[str]:
    """Return the outputs of HTML that a notebook's file holds."""
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return ["".join(output["data"]["text/html"]) for output in outputs if "text/html" in output.get("data", {})]


def test_a_saved_board_is_shown_as_a_plain_picture_where_there_is_no_kernel(
    open_page: Pages, stack: RunningStack, serve: Sites
) -> None:
    url = lab_site(serve, stack)
    file = serve.servers["lab"].folder / Path(urlsplit(url).path).name
    board = open_board(open_page, "lab", url)
    page = board.page
    snapshot = page.locator(".taskq-snapshot")

    # Given: a board with a finished task, whose name would be HTML, saved twice.
    name = "<b>kept</b> with the notebook"
    board.submit_task('"first saved"', name)
    expect(board.detail.locator(".tqp-value")).to_contain_text("first saved")
    save_notebook(page)
    board.submit_task('"then saved"', "the second")
    expect(board.detail.locator(".tqp-value")).to_contain_text("then saved")
    page.keyboard.press("Escape")
    page.locator(".jp-InputArea .cm-content").last.click()
    page.keyboard.insert_text(" ")  # something to be saved
    save_notebook(page)

    # Then: the file has one picture, the newest, as text; the live board shows none.
    (html,) = html_outputs(file)
    assert "<script" not in html
    assert "<b>kept" not in html
    told = ("&lt;b&gt;kept", "the second", "then saved\nString", "Run the cell")
    assert [part for part in told if part not in html] == []
    finished = board.overview.locator(".tq-chip[data-status=FINISHED] b").inner_text()
    assert f"Finished {finished} · Failed" in html
    assert html.count(" · Queueing ") == 1
    assert [control for control in ("Download", "Copy", "connect(") if control in html] == []
    expect(snapshot).to_be_hidden()

    # When: its kernel ends, and the file is opened again.
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Shut Down Kernel")).first.click()
    page.locator("#jp-main-statusbar").get_by_text("No Kernel").wait_for(state="attached")
    page.goto(url)
    page.locator(".jp-Notebook").wait_for()

    expect(snapshot).to_be_visible()
    expect(snapshot.get_by_role("cell", name=name, exact=True)).to_be_visible()
    expect(snapshot.get_by_role("cell", name="the second", exact=True)).to_be_visible()
    expect(page.get_by_text("Error displaying widget: model not found")).to_be_hidden()
    expect(page.get_by_text("Loading widget...")).to_be_hidden()
    snapshot.scroll_into_view_if_needed()
    open_page.shot(page, "snapshot-lab")


def test_a_sweeps_picture_fills_in_while_it_runs_and_is_saved_with_the_notebook(
    open_page: Pages, stack: RunningStack, serve: Sites, effects: Path
) -> None:
    gate = effects / "gate"
    token_file = stack.home / "tokens" / "admin.token"
    url = serve("lab", [
        f"from pathlib import Path\nfrom taskq_kernel import connect\n"
        f"q = connect({stack.url!r}, token=Path({str(token_file)!r}).read_text())\n"
        "f = q.define('''\n"
        "function gated(; n, gate)\n    while n > 1 && !isfile(gate)\n        sleep(0.02)\n    end\n"
        "    return (energy = n^2,)\nend''')",
        f"b = f.sweep(n=[1, 2, 3, 4], gate={str(gate)!r}, name='gated')\n"
        "axes = b.plot(x='n', y='energy', color='gate')",
        "axes.get_title()",
    ]).url  # fmt: skip
    file = serve.servers["lab"].folder / Path(urlsplit(url).path).name
    page = open_page(url)
    run_all_cells(page)
    picture = page.locator(".jp-OutputArea-output img")
    drawn = page.locator(".jp-OutputArea-output").get_by_text("'gated'", exact=True)

    # Given: the first point is there, and the others wait; the cell that draws is not done.
    with connect(stack.url, token=stack.token()) as q:
        eventually(lambda: q.frame(name="gated", status="FINISHED").shape[0] == 1, "one point is there", 60)
    expect(picture).to_have_count(1)
    expect(drawn).to_have_count(0)
    before = picture.get_attribute("src") or ""

    # When: the others may end.
    gate.touch()

    # Then: the same output shows them, and nothing is shown twice.
    expect(drawn).to_be_visible()
    expect(picture).to_have_count(1)
    after = picture.get_attribute("src") or ""
    assert after.startswith("data:image/png;base64,")
    assert after != before
    open_page.shot(page, "live-plot-lab")
    save_notebook(page)
    cells = json.loads(file.read_text())["cells"]
    (saved,) = (one for cell in cells for one in cell.get("outputs", []) if "image/png" in one.get("data", {}))
    assert "".join(saved["data"]["image/png"]).replace("\n", "") == after.partition(",")[2].replace("\n", "")
