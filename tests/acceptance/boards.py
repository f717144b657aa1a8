"""The board on a page, as a test handles it: in a dashboard served by Voilà, or in JupyterLab."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from getpass import getuser
from typing import TYPE_CHECKING, Any

from browser import ROOT, Pages, Sites, end, run_all_cells
from javascript import axe
from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from stacks import RunningStack  # the one beside the test folders

#: Keeps in `window.statuses` every status that each row has shown, and when, by the task's name.
RECORD = """() => {
  window.statuses = {};
  const look = () => {
    for (const row of document.querySelectorAll('.tq-body > .tq-row:not(.tq-pending)')) {
      const name = row.querySelector('.tq-cell-name')?.textContent;
      const status = row.querySelector('.tq-status')?.dataset.status;
      if (!name || !status) continue;
      const seen = (window.statuses[name] ??= []);
      if (seen.at(-1)?.[0] !== status) seen.push([status, Date.now()]);
    }
  };
  const all = {subtree: true, childList: true, attributes: true, characterData: true};
  new MutationObserver(look).observe(document.body, all);
  look();
}"""


@dataclass
class Board:
    """The board on a page."""

    page: Page

    @property
    def root(self) -> Locator:
        return self.page.locator(".tq-board")

    @property
    def form(self) -> Locator:
        return self.root.locator(".tqp-form")

    @property
    def detail(self) -> Locator:
        return self.root.locator(".tqp-detail")

    @property
    def overview(self) -> Locator:
        return self.root.locator(".tqp-overview")

    @property
    def table(self) -> Locator:
        return self.root.locator(".tq-table")

    @property
    def submit(self) -> Locator:
        return self.form.locator(".tq-primary")

    def ready(self) -> Board:
        """Wait until everything is there and the service is heard of."""
        self.form.locator(".cm-content").wait_for(timeout=90_000)
        expect(self.overview.locator(".tqp-part").first).to_have_attribute("data-state", "there", timeout=30_000)
        return self

    def row(self, name: str) -> Locator:
        """Return the row of a task by its name."""
        cell = self.page.locator(".tq-cell-name").get_by_text(name, exact=True)
        return self.table.locator(".tq-body > .tq-row").filter(has=cell)

    def chip(self, name: str) -> Locator:
        """Return the status of the task with this name, in the table."""
        return self.row(name).locator(".tq-status")

    def write(self, code: str, name: str) -> None:
        """Fill the form."""
        self.form.get_by_label("Name", exact=True).fill(name)
        self.unfold()
        self.form.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.press("Backspace")
        if code:
            self.page.keyboard.insert_text(code)

    def unfold(self) -> None:
        """Show the code, if it is folded away."""
        folded = self.form.locator(".tqp-fold[aria-expanded='false']")
        if folded.count():
            folded.click()

    def clear_arguments(self) -> None:
        """Remove every row of arguments."""
        remove = self.form.get_by_role("button", name=re.compile("^Remove argument"))
        while remove.count():
            remove.first.click()

    def submit_task(self, code: str, name: str) -> None:
        """Fill the form and submit it."""
        self.write(code, name)
        expect(self.submit).to_have_attribute("aria-disabled", "false")
        self.submit.click()
        expect(self.form.locator(".tqp-reason")).to_contain_text("Submitted as number")

    def sort(self, column: str, way: str) -> None:
        """Sort by a column, ``ascending`` or ``descending``; where there is no room for headers, by the list."""
        head = self.table.get_by_role("columnheader", name=column)
        if self.table.get_attribute("data-size") == "narrow":
            order = f"Sort: {column} {'↓' if way == 'descending' else '↑'}"
            self.table.get_by_label("Sort by").select_option(label=order)
        else:
            for _ in range(3):
                if head.get_attribute("aria-sort") == way:
                    break
                head.click()
                expect(head).to_have_attribute("aria-sort", re.compile("ascending|descending"))
        expect(head).to_have_attribute("aria-sort", way)

    def newest_first(self) -> None:
        """Sort by falling number."""
        self.sort("Number", "descending")

    def search(self, text: str) -> None:
        """Filter the table by text."""
        field = self.table.get_by_placeholder("Name, code, number")
        if field.input_value() != text:
            field.fill(text)


@dataclass
class Dashboard:
    """A dashboard that ``taskq dashboard`` serves."""

    url: str
    process: subprocess.Popen[str]


@contextlib.contextmanager
def dashboard(env: dict[str, str], *options: str) -> Iterator[Dashboard]:
    """Run ``taskq dashboard`` until the block ends: the board, for visitors who are the stack's owner, unless told."""
    options = options or ("--board", "--as", getuser())
    command = [sys.executable, "-m", "taskq_kernel.cli", "dashboard", "--no-browser", *options]
    paths = [str(ROOT), str(ROOT / "widgets"), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        command, env=env | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert "http://" in line, f"the dashboard did not start: {line!r}"
        yield Dashboard(line.split()[-1], process)
    finally:
        end(process)
        process.stdout.close()


def lab_site(serve: Sites, stack: RunningStack, show: str = "TaskBoard(q)") -> str:
    """Serve a notebook whose last cell shows the board in JupyterLab, and return its address."""
    token_file = stack.home / "tokens" / "admin.token"
    return serve("lab", [
        "from pathlib import Path\nfrom taskq_kernel import connect\nfrom taskq_widgets import TaskBoard",
        f"q = connect({stack.url!r}, token=Path({str(token_file)!r}).read_text())\n{show}",
    ]).url  # fmt: skip


def save_notebook(page: Page) -> None:
    """Save the notebook that JupyterLab shows: it finds the widgets of a kernel again by what is saved."""
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Save Notebook(?! As)")).click()
    page.locator(".jp-mod-current.lm-TabBar-tab:not(.jp-mod-dirty)").first.wait_for()


def open_board(pages: Pages, kind: str, url: str, **how: Any) -> Board:
    """Open a page with the board; ``kind`` is ``voila`` or ``lab``."""
    page = pages(url, **how)
    if kind == "lab":
        run_all_cells(page)
        page.locator(".tq-board").wait_for()
    return Board(page).ready()


def choose_theme(board: Board, theme: str) -> None:
    """Make the page ``light`` or ``dark``: in JupyterLab from its menu, elsewhere as the browser wishes."""
    page = board.page
    if "/lab" in page.url:
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.locator(".lm-Menu-itemLabel").get_by_text("Theme", exact=True).hover()
        page.keyboard.press("ArrowRight")
        page.locator(".lm-Menu-itemLabel").get_by_text(f"JupyterLab {theme.title()}", exact=True).click()
    else:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for part in (board.overview, board.form, board.detail, board.table):
        expect(part).to_have_attribute("data-theme", theme)


def violations(page: Page, part: str = ".tq-board") -> list[str]:
    """Return what axe-core finds serious or critical in a part of the page."""
    if not page.evaluate("typeof axe === 'object'"):
        page.add_script_tag(content=axe())
    found = page.evaluate("part => axe.run(part, {resultTypes: ['violations']})", part)
    return [
        f"{one['id']}: {one['help']}: {[(node['html'][:160], node['failureSummary']) for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
