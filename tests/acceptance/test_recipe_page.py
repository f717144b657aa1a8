"""The dashboard for people who do not code: recipes as forms, and what colleagues do to a page."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from boards import Dashboard, dashboard, violations
from browser import Pages, end
from playwright.sync_api import Locator, Page, expect

from taskq_kernel import Client

if TYPE_CHECKING:
    from stacks import RunningStack

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)

#: The first page of a server has to start a kernel.
FIRST_MS = 90_000
#: Serves the page for a stack that is there while a file is.
SERVE = (
    "import pathlib, sys; from taskq_widgets.dashboard.launch import RECIPES, serve\n"
    "serve(RECIPES, open_browser=False, on_ready=lambda url: print(url, flush=True),"
    " is_there=pathlib.Path(sys.argv[1]).exists)"
)


@pytest.fixture(scope="module")
def served(stack: RunningStack) -> Iterator[Dashboard]:
    """The recipes as ``taskq dashboard`` serves them."""
    with dashboard(stack.env, "--as", "colleagues") as served:
        yield served


def form(page: Page) -> Locator:
    return page.locator(".tqr-form")


def choose(page: Page, title: str) -> None:
    """Choose a recipe by its card."""
    page.locator(".tqs-card").filter(has_text=title).click(timeout=FIRST_MS)
    expect(form(page).get_by_role("heading", name=title)).to_be_visible()


def run_button(page: Page) -> Locator:
    return form(page).get_by_role("button", name="Run", exact=True)


def quick_ising(page: Page) -> None:
    """Choose a magnet that takes no time."""
    choose(page, "Ising magnet")
    form(page).get_by_label("Side").first.fill("8")
    form(page).get_by_label("Sweeps", exact=True).fill("200")


def runs_of(client: Client, recipe: str) -> int:
    return len(list(client.tasks(recipe=recipe, owner="colleagues", is_point=False)))


def test_a_colleague_runs_a_recipe_once_and_finds_the_run_again_by_its_address(
    open_page: Pages, served: Dashboard, client: Client
) -> None:
    before = runs_of(client, "sir")
    page = open_page(served.url)
    expect(page.locator(".tqs-card").first).to_be_visible(timeout=FIRST_MS)
    assert violations(page) == []
    choose(page, "SIR epidemic")
    # Then: there is nothing of Julia on the page, unless asked.
    assert not re.search(r"function|Julia", page.locator(".tq-board").inner_text())
    run_button(page).dblclick()
    expect(form(page).get_by_role("img", name=re.compile("3 curves.*infected"))).to_be_visible(timeout=60_000)
    expect(page).to_have_url(re.compile(r"#recipe=sir&task=\d+$"))
    assert runs_of(client, "sir") == before + 1
    # And: below the curves stand the numbers that the help speaks of, the name of each in one line.
    expect(form(page).locator("dd").first).to_have_text(re.compile(r"0\.89\d+"))
    name = form(page).locator("dt", has_text="day of peak").bounding_box()
    assert name is not None
    assert name["height"] < 30
    expect(form(page).get_by_role("heading", name="Your runs")).to_be_visible()
    # And: a visitor, who may make no links and change no task, is offered neither.
    expect(page.get_by_role("button", name=re.compile("Share|Reproduce|Cancel|Retry|Delete"))).to_have_count(0)
    assert violations(page) == []
    open_page.shot(page, "recipe-sir")
    form(page).get_by_role("button", name="Show the code").click()
    expect(form(page).get_by_role("region", name="Julia code of the recipe")).to_contain_text("function")
    # And: the back button leads to the form, and to the cards; forward to the run again.
    page.go_back()
    expect(form(page).get_by_text("The result appears here.")).to_be_visible()
    page.go_back()
    expect(page.locator(".tqs-card").first).to_be_visible()
    expect(form(page)).to_be_hidden()
    page.go_forward()
    page.go_forward()
    expect(form(page).get_by_role("img", name=re.compile("3 curves"))).to_be_visible()
    # And: somebody else who follows the link sees it, as another's run.
    other = open_page(page.url)
    expect(form(other).get_by_role("img", name=re.compile("3 curves"))).to_be_visible(timeout=FIRST_MS)
    expect(form(other).get_by_role("heading", name="Runs of others")).to_be_visible()
    expect(form(other).get_by_role("heading", name="Your runs")).to_have_count(0)


def test_a_button_takes_no_second_press_before_the_first_is_answered(open_page: Pages, served: Dashboard) -> None:
    page = open_page(served.url)
    quick_ising(page)
    button = run_button(page)
    expect(button).to_have_attribute("aria-disabled", "false")
    assert button.evaluate("one => { one.click(); return one.getAttribute('aria-disabled'); }") == "true"
    expect(form(page).get_by_text("±").first).to_be_visible(timeout=60_000)
    expect(button).to_have_attribute("aria-disabled", "false")


def test_a_field_says_what_it_does_not_take_and_a_sweep_fills_in_on_a_telephone_in_the_dark(
    open_page: Pages, served: Dashboard
) -> None:
    page = open_page(served.url, dark=True, width=390, height=844, touch=True)
    quick_ising(page)
    temperature = form(page).get_by_label("Temperature in J/k")
    temperature.fill("9")
    expect(form(page).get_by_text("Temperature is 9 J/k: give a number from 0.5 to 5 J/k.")).to_be_visible()
    expect(temperature).to_have_attribute("aria-invalid", "true")
    temperature.fill("2")
    temperature.press("ArrowUp")
    expect(temperature).to_have_value("2.1")
    expect(temperature).not_to_have_attribute("aria-invalid", "true")
    form(page).get_by_text("Sweep one of them").click()
    form(page).get_by_label("Points").fill("4")
    form(page).get_by_role("button", name="Sweep", exact=True).click()
    expect(form(page).get_by_text("Sweep: 4 of 4 points")).to_be_visible(timeout=60_000)
    curve = form(page).get_by_role("img", name="A curve of Magnetization per spin over Temperature in J/k")
    expect(curve).to_be_visible()
    expect(page).to_have_url(re.compile(r"#recipe=ising&batch=[0-9a-f-]{36}$"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    curve.scroll_into_view_if_needed()
    open_page.shot(page, "recipe-sweep-390-dark")
    # And: the sweep is found again among one's own runs.
    page.get_by_role("button", name="All recipes").click()
    expect(page.get_by_role("heading", name="Your runs")).to_be_visible()
    page.get_by_role("button", name=re.compile("Ising magnet.*Sweep of 4 points, Temperature")).first.click()
    expect(form(page).get_by_text("Sweep: 4 of 4 points")).to_be_visible()
    expect(page).to_have_url(re.compile(r"#recipe=ising&batch=[0-9a-f-]{36}$"))


def test_a_heat_map_stands_beside_its_colours_however_narrow_the_page_is(open_page: Pages, served: Dashboard) -> None:
    page = open_page(served.url, width=390, height=844, touch=True)
    choose(page, "Heat equation")
    run_button(page).click()
    heat_map = form(page).get_by_role("img", name=re.compile("A heat map"))
    expect(heat_map).to_be_visible(timeout=60_000)
    drawn, colours = heat_map.bounding_box(), form(page).locator(".tqp-colours").bounding_box()
    assert drawn is not None
    assert colours is not None
    assert drawn["x"] + drawn["width"] <= colours["x"]
    assert drawn["width"] / drawn["height"] == pytest.approx(201 / 101, rel=0.02)


def kernels(served: Dashboard) -> dict[int, psutil.Process]:
    """Return the kernels of a dashboard's pages."""
    children = psutil.Process(served.process.pid).children(recursive=True)
    return {child.pid: child for child in children if "ipykernel" in " ".join(child.cmdline())}


def test_a_page_whose_kernel_was_culled_over_night_comes_back_with_its_run_and_its_fields(
    open_page: Pages, served: Dashboard
) -> None:
    before = kernels(served)
    page = open_page(served.url)
    quick_ising(page)
    run_button(page).click()
    expect(form(page).get_by_text("±").first).to_be_visible(timeout=60_000)
    number = form(page).locator(".tqp-value").inner_text()
    (kernel,) = kernels(served).keys() - before.keys()
    # Another page, even in the same browser, has its own fields, and loses nothing.
    other = page.context.new_page()
    other.goto(served.url)
    choose(other, "Ising magnet")
    expect(form(other).get_by_label("Side").first).to_have_value("48")
    form(other).get_by_label("Side").first.fill("20")
    page.bring_to_front()
    # When: the kernel is culled, and somebody comes back to the tab.
    psutil.Process(kernel).kill()
    expect(page.locator(".tq-cover")).to_have_count(1)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    # Then: the page comes back by itself, with the run that its address names.
    expect(page.locator(".tq-cover")).to_have_count(0)
    expect(form(page).locator(".tqp-value")).to_have_text(number, timeout=FIRST_MS)
    expect(form(page).get_by_label("Side").first).to_have_value("8")
    expect(other.locator(".tq-cover")).to_have_count(0)
    expect(form(other).get_by_label("Side").first).to_have_value("20")
    # And: what was typed and not run is there again when that page is loaded again.
    other.reload()
    expect(form(other).get_by_label("Side").first).to_have_value("20", timeout=FIRST_MS)


def test_a_page_of_a_stack_that_is_down_says_so_and_comes_back_by_itself(
    stack: RunningStack, open_page: Pages, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    command = [sys.executable, "-c", SERVE, str(there)]
    process = subprocess.Popen(command, env=stack.env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        page = open_page(process.stdout.readline().strip() + "#recipe=sir")
        expect(page.get_by_role("heading", name="taskq is down")).to_be_visible()
        assert violations(page, "body") == []
        there.touch()
        expect(form(page).get_by_role("heading", name="SIR epidemic")).to_be_visible(timeout=FIRST_MS)
    finally:
        end(process)
        process.stdout.close()
