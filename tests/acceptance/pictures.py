"""Make the pictures of README.md and docs/: ``python tests/acceptance/pictures.py``, with taskq set up for tests.

They show the dashboard on a stack of its own, with tasks that have ended in every way, its recipes, each with a
result, and in JupyterLab a sweep whose plot fills in while it runs. ``pictures.py recipes`` makes those alone.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # what pytest does for tests

from boards import Board, dashboard, open_board
from browser import ROOT, Pages, Sites, launch, pages_in, run_all_cells
from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright
from stacks import RunningStack, local_stack

from taskq_kernel import Client, connect

IMAGES = ROOT / "docs" / "images"
EXAMPLE = "Follow a planet around its sun"
ENDED = {
    "Basel sum": "sum(1 / n^2 for n in 1:10^6)",
    "root of a negative number": "half(x) = sqrt(x) / 2\nhalf(-1.0)",
    "random walk": "sum(rand((-1, 1), 10^5))",
    "damped wave": "[sin(t / 2) * exp(-t / 30) for t in 0:60]",
    "multiplication table": "[i * j for i in 1:6, j in 1:6]",
    "ground state": 'Dict("n" => 3, "energy" => -1.5, "label" => "ground state")',
}
SWEEP = 'for i in 1:200\n    progress(i / 200, "sweep $i")\n    sleep(0.2)\nend'
#: The README's sweep, slow enough to be watched.
CONNECT = """import numpy as np
from taskq_kernel import connect

q = connect()
f = q.define(open({model!r}).read())
f(n=8, p=0.5).wait()"""
PLOT = """p = np.linspace(0.5, 0.7, 21).round(2)
b = f.sweep(p=p, n=[16, 32, 64], samples=5000, name="percolation", seed=1)
b.plot(x="p", y="share", color="n");"""
#: How long each of its pictures is shown, the last one longer, in ms.
FRAME_MS, LAST_MS = 900, 4000

expect.set_options(timeout=60_000)


def main() -> None:
    """Make all pictures, or those of the parts that are named: ``boards``, ``recipes``, ``sweeps``."""
    parts = {"boards": boards_pictures, "recipes": recipes_pictures, "sweeps": sweeps_pictures}
    for name in sys.argv[1:] or parts:
        with (
            local_stack(workers=2) as stack, sync_playwright() as playwright, pages_in(launch(playwright)) as pages,
        ):  # fmt: skip
            parts[name](stack, pages)


def boards_pictures(stack: RunningStack, pages: Pages) -> None:
    """The board, and single tasks."""
    with connect(stack.url, token=stack.token()) as client, dashboard(stack.env) as served:
        board = open_board(pages, "voila", served.url, height=1000)
        fill(board, client)
        whole(board)
        tasks(board)


def recipes_pictures(stack: RunningStack, pages: Pages) -> None:
    """The page of recipes."""
    with dashboard(stack.env, "--as", "colleagues") as served:
        recipes(pages(served.url, height=760))


def sweeps_pictures(stack: RunningStack, pages: Pages) -> None:
    """A sweep in JupyterLab."""
    os.environ["TASKQ_HOME"] = str(stack.home)
    sites = Sites(Path(tempfile.mkdtemp(prefix="taskq-pictures-")))
    with sites.ends:
        site = sites("lab", [CONNECT.format(model=str(ROOT / "notebooks" / "percolation.jl")), PLOT])
        page = pages(site.url, width=1100, height=1200)
        run_all_cells(page)
        sweep(page.locator(".jp-Cell").nth(2))


def recipes(page: Page) -> None:
    """The page of recipes: each with its result, one of them in the dark, and all of them with the runs that were."""
    page.emulate_media(reduced_motion="reduce")
    page.locator(".tqs-card").first.wait_for(timeout=90_000)  # a kernel has to start
    run(page, "SIR epidemic", re.compile("3 curves"))
    picture(page, "recipe-sir")
    run(page, "Predators and prey", re.compile("2 curves"))
    picture(page, "recipe-lotka_volterra")
    run(page, "Price of an option")
    picture(page, "recipe-option_price")
    run(page, "Heat equation", re.compile("Heat map", re.IGNORECASE))
    picture(page, "recipe-heat_equation")
    run_sweep(page, "Percolation threshold", "15", low="10", high="150")
    picture(page, "recipe-percolation")
    run_sweep(page, "Ising magnet", "19", sweeps="1000")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    expect(page.locator(".tqr-form")).to_have_attribute("data-theme", "dark")
    picture(page, "recipe-ising")
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.get_by_role("button", name="All recipes").click()
    page.get_by_role("button", name=re.compile("Ising magnet.*Sweep of 19 points")).wait_for()
    picture(page, "recipes")


def choose(page: Page, title: str) -> Locator:
    """Choose a recipe by its card: its form."""
    if page.locator(".tqr-form").is_visible():
        page.get_by_role("button", name="All recipes").click()
    page.locator(".tqs-card").filter(has_text=title).click()
    form = page.locator(".tqr-form")
    form.get_by_role("heading", name=title).wait_for()
    return form


def run(page: Page, title: str, drawn: re.Pattern[str] | None = None) -> None:
    """Run a recipe with what stands in its fields, until its picture, or its number, is there."""
    form = choose(page, title)
    form.get_by_role("button", name="Run", exact=True).click()
    (form.get_by_role("img", name=drawn) if drawn else form.locator(".tqp-value")).wait_for()
    form.get_by_role("heading", name="Your runs").wait_for()


def run_sweep(page: Page, title: str, points: str, *, low: str = "", high: str = "", sweeps: str = "") -> None:
    """Sweep the first parameter of a recipe, until all points are there."""
    form = choose(page, title)
    if sweeps:
        form.get_by_label("Sweeps", exact=True).fill(sweeps)
    form.get_by_text("Sweep one of them").click()
    for label, text in (("From", low), ("To", high), ("Points", points)):
        if text:
            form.get_by_label(label, exact=True).fill(text)
    form.get_by_role("button", name="Sweep", exact=True).click()
    form.get_by_text(f"{points} of {points} points").wait_for()


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page from its top on, with nothing in the focus and no more colours than it needs."""
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    # The page, or what scrolls in its stead where it is as high as the window.
    page.evaluate("for (const one of document.querySelectorAll('*')) if (one.scrollTop) one.scrollTop = 0")
    assert page.evaluate("document.querySelector('.tq-board').getBoundingClientRect().top") >= 0
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    shot.quantize(256).save(IMAGES / f"{name}.png", optimize=True)


def sweep(cell: Locator) -> None:
    """A cell with a sweep, each time that its plot has changed, until it is done: one moving picture."""
    picture = cell.locator("img")
    picture.wait_for()
    shown: list[str] = []
    frames: list[Image.Image] = []
    while True:
        done = cell.locator(".jp-InputPrompt").inner_text() != "[*]:"
        source = picture.get_attribute("src") or ""
        if source not in shown:
            shown.append(source)
            frames.append(Image.open(io.BytesIO(cell.screenshot(animations="disabled"))).quantize(64))
        if done:
            break
        cell.page.wait_for_timeout(100)
    size = frames[-1].size
    frames = [frame.crop((0, 0, *size)) for frame in frames]
    durations = [*[FRAME_MS] * (len(frames) - 1), LAST_MS]
    frames[0].save(
        IMAGES / "sweep.gif", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True
    )


def fill(board: Board, client: Client) -> None:
    """Have tasks ended, running and waiting."""
    for name, code in ENDED.items():
        client.submit(code, name=name).wait(60)
    client.submit("1", name="not needed after all", queue="tomorrow").cancel()
    board.form.get_by_label("Start from an example").select_option(label=EXAMPLE)
    expect(board.form.get_by_label("Name", exact=True)).to_have_value(EXAMPLE)
    expect(board.form.locator(".tqp-parameters .tqp-field").first).to_be_visible()
    board.submit.click()
    expect(board.detail.locator("img.tqp-image")).to_be_visible()
    client.submit_many([{"code": SWEEP, "name": f"Ising, T = {t}"} for t in (1.8, 2.2, 2.6)])
    for temperature in (1.8, 2.2):
        expect(board.chip(f"Ising, T = {temperature}")).to_have_text("Running")
    expect(board.overview.locator(".tqp-number").first).to_have_text("2 of 2")


def whole(board: Board) -> None:
    """The whole board: in a window, in the dark, and on a telephone."""
    page = board.page
    for name, theme, size in (
        ("board", "light", (1280, 720)), ("dashboard-dark", "dark", (1280, 720)), ("phone", "light", (390, 844)),
    ):  # fmt: skip
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        expect(board.overview).to_have_attribute("data-theme", theme)
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 1000})


def tasks(board: Board) -> None:
    """Single tasks: a value, and an error."""
    for picture, name, part in (
        ("result", "damped wave", ".tqp-picture"), ("error", "root of a negative number", ".tqp-error-name"),
    ):  # fmt: skip
        board.row(name).locator(".tq-open-task").click()
        expect(board.detail.locator(part)).to_be_visible()
        board.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        board.detail.screenshot(path=IMAGES / f"{picture}.png", animations="disabled")


if __name__ == "__main__":
    main()
