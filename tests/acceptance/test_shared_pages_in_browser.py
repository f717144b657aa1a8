"""Shared pages in a real browser: in the light, in the dark, on a phone, on paper, and safe from what tasks write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from browser import Pages
from javascript import axe
from panel_page import show_detail
from playwright.sync_api import Page, expect
from service_process import ServiceProcess, service_process
from shared_results import Results, below, json_value

#: What would be seen if anything of it ran, or were loaded.
HOSTILE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40" onload="document.title=\'owned\'">'
    "<script>document.title='owned'; parent.document.title='owned'</script>"
    '<image href="https://elsewhere.example/x.png"/><rect width="60" height="40" fill="teal"/></svg>'
)
FRAMED = (
    f"<h1>from the task</h1>{HOSTILE}<script>top.location='https://elsewhere.example'</script>"
    '<meta http-equiv="refresh" content="0;url=https://elsewhere.example"><form action="https://elsewhere.example">'
    '<button>press</button></form><img src="https://elsewhere.example/x.png">'
)
NAME = "<img src=x onerror=\"document.title='owned'\"> & a rather long name that has to be broken somewhere"

LOG = "\x1b]0;owned\x07<script>document.title='owned'</script>" + "x" * 999


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(tmp_path_factory.mktemp("seen") / "home", lease="3600") as running:
        yield running


@pytest.fixture(scope="module")
def shown(service: ServiceProcess) -> dict[str, str]:
    """Addresses of pages of each kind."""
    results = Results(service)
    table = {"columns": {f"column {place}": ["some words"] * 30 for place in range(20)}}
    batch = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"
    points = results.submit(*({"batch": batch, "arguments": {"n": n, "b": b}} for n in range(8) for b in (1, 2)))
    results.claim(*points)
    for place, point in enumerate(points):
        results.end(point, value=json_value(place * 0.5, julia_type="Float64"))
    made = {
        "number": results.finish(json_value(1.5), {"name": NAME, "arguments": {"n": "<i>1</i>"}}, logs=[
            {"seq": 1, "stream": "stdout", "text": LOG},
        ]),
        "table": results.finish(json_value(table, kind="TABLE")),
        "svg": results.finish(json_value({"image/svg+xml": HOSTILE}, kind="MIME")),
        "html": results.finish(json_value({"text/html": FRAMED}, kind="MIME")),
        "batch": batch,
    }
    return {name: service.url + results.share(one) for name, one in made.items()}


def problems(page: Page, part: str = "html") -> list[str]:
    """What axe-core finds, whatever its weight."""
    page.evaluate(f"{axe()};0")  # not as a script of the page, which may have none
    found = page.evaluate("part => axe.run(part, {resultTypes: ['violations']})", part)
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


@pytest.mark.parametrize("kind", ["number", "table", "html", "batch"])
def test_a_page_can_be_read_in_the_light_in_the_dark_on_a_phone_and_on_paper(
    pages: Pages, shown: dict[str, str], kind: str
) -> None:
    page = pages(shown[kind])
    assert problems(page) == []
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert (light, page.evaluate("getComputedStyle(document.body).backgroundColor")) == (
        "rgb(255, 255, 255)", "rgb(20, 22, 26)",
    )
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert problems(page) == []
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.get_by_role("heading", name="Downloads")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("kind", ["number", "svg", "html"])
def test_nothing_that_a_task_wrote_runs_or_leads_elsewhere(
    pages: Pages, service: ServiceProcess, shown: dict[str, str], kind: str
) -> None:
    asked: list[str] = []
    refused: dict[str, str | None] = {}
    page = pages("about:blank")
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
    page.goto(shown[kind])
    if kind == "html":
        frame = page.frame_locator("iframe")
        expect(frame.get_by_role("heading", name="from the task")).to_be_visible()
        frame.get_by_role("button", name="press").click()
    if kind == "svg":
        assert page.locator("img.image").evaluate("image => image.naturalWidth") == 60
    page.wait_for_load_state("networkidle")
    assert page.title() != "owned"
    assert page.url == shown[kind]
    assert {url: refused.get(url) for url in asked if "elsewhere" in url and refused.get(url) != "csp"} == {}
    # The part itself, looked at by its own address: as harmless.
    if kind != "number":
        page.goto(f"{service.url}{below(shown[kind], f'value.{kind}')}&shown=1")
        page.wait_for_load_state("networkidle")
        assert page.title() != "owned"


def test_a_link_is_made_copied_and_revoked_in_the_panel_of_a_task(pages: Pages) -> None:
    page = show_detail(pages, {"result": {"form": "value", "text": "2"}})
    share = page.get_by_role("button", name="Share")
    share.click()
    assert page.evaluate("sent.at(-1)")["type"] == "share"
    expect(share).to_be_disabled()
    url = "http://127.0.0.1:1/r/1?share=tqs_x"
    made: dict[str, Any] = {
        "type": "shared", "of": "id-1", "id": "s1", "url": url, "expires": 2e9, "note": "Here only.",
    }
    page.evaluate("told => deliver({...told, of: 'another'})", made)
    expect(share).to_be_disabled()
    page.evaluate("told => deliver(told)", made)
    address = page.get_by_label("Address of the link")
    expect(address).to_have_value(url)
    expect(address).to_be_focused()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    said = re.compile("Whoever has this address sees this task, until .*2033.*Here only")
    expect(page.locator(".tq-share-text")).to_have_text(said)
    assert problems(page, ".tq-share") == []
    page.get_by_role("button", name="Revoke").click()
    assert {**page.evaluate("sent.at(-1)"), "view": ""} == {"type": "share", "of": "id-1", "revoke": "s1", "view": ""}
    page.evaluate("told => deliver({...told, url: ''})", made)
    expect(address).to_be_hidden()
    share.click()
    page.evaluate("deliver({type: 'shared', of: 'id-1', refused: 'it belongs to bob'})")
    expect(page.get_by_text("The link could not be made: it belongs to bob")).to_be_visible()




def test_a_number_in_the_table_of_points_is_not_broken_anywhere(pages: Pages, service: ServiceProcess) -> None:
    results = Results(service)
    batch = "1f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"
    given = {f"argument_{place}": -1.3912286207708277e-9 for place in range(12)}
    (point,) = results.submit({"batch": batch, "arguments": given})
    results.claim(point)
    results.end(point, value=json_value({"rate": 1.3912286207708277e-9, "said": "some words " * 15}))
    page = pages(service.url + results.share(batch), width=390)
    lines = page.locator(".points td").evaluate_all(
        "cells => cells.map(cell => { const all = new Range(); all.selectNodeContents(cell);"
        " return new Set([...all.getClientRects()].map(one => Math.round(one.top / 8))).size; })"
    )
    # Of the words alone, which are no number, and stand before how long it ran.
    assert [count > 1 for count in lines[1:]] == [*[False] * 14, True, False]
