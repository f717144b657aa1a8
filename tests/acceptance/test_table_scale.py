"""The table in a real browser with a hundred thousand tasks: how long showing, sorting and following them takes."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from browser import Pages, Site
from playwright.sync_api import expect
from table_page import opened

pytestmark = pytest.mark.timeout(240)
expect.set_options(timeout=30_000)

LATENCY = """() => {
  window.latencies = [];
  const look = (node) => {
    const element = node.nodeType === 1 ? node : node.parentElement;
    const text = element?.closest?.('.tq-cell-name')?.textContent ?? '';
    if (text.startsWith('@')) window.latencies.push(Date.now() - Number(text.slice(1)));
  };
  new MutationObserver((records) => records.forEach((record) => look(record.target)))
    .observe(document.querySelector('.tq-body'), { subtree: true, childList: true, characterData: true });
}"""

CHURN = """
def churn(rate=1000, seconds=2.5):
    import random
    rng, version, until = random.Random(3), int(time.time() * 1000), time.monotonic() + seconds
    names = ['QUEUEING', 'RUNNING', 'FINISHED']
    template = task(1)
    due = time.monotonic()
    while time.monotonic() < until:
        batch = []
        for _ in range(rate // 20):
            n, version = rng.randrange(1, 100_001), version + 1
            batch.append(template | {'id': ids[n], 'number': n, 'status': rng.choice(names), 'version': version,
                                     'seconds': rng.random(), 'name': f'task {n}'})
        version += 1
        batch.append(template | {'id': ids[99_998], 'number': 99_998, 'name': f'@{time.time() * 1000:.0f}',
                                 'status': rng.choice(names), 'version': version})
        view.model.upsert(batch)
        due += 0.05
        time.sleep(max(0, due - time.monotonic()))
"""


def timed_ms(act: Callable[[], Any], done: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    done()
    return 1000 * (time.perf_counter() - began)


@pytest.mark.slow
def test_a_hundred_thousand_tasks_are_comfortable(
    open_page: Pages, table_site: Site, record_property: Callable[[str, object], None]
) -> None:
    page = open_page("about:blank")
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.goto(table_site.url)
    table = opened(page, table_site)
    table.kernel("many = tasks(100_000); ids = {t['number']: t['id'] for t in many}\n" + CHURN, timeout_s=120)
    figures: dict[str, float] = {}

    def first_is(number: int) -> Callable[[], None]:
        first = "document.querySelector('.tq-body > .tq-row:not(.tq-pending) .tq-cell-number')"
        return lambda: page.wait_for_function(f"{first}?.textContent === '{number}'", polling="raf")

    figures["shown, ms"] = timed_ms(
        lambda: table.kernel("view.upsert(many)", timeout_s=60), lambda: table.total(100_000)
    )
    first_is(100_000)()
    table.kernel("frame = view.model.frame()")
    by_name = table.kernel("int(frame.sort_values(['name', 'number'])['number'].iloc[0])")
    figures["sorted by name, ms"] = timed_ms(lambda: table.head("Name").click(), first_is(by_name))
    figures["sorted by number, ms"] = timed_ms(lambda: table.head("Number").click(), first_is(100_000))
    figures["scrolled to the end, ms"] = timed_ms(
        lambda: table.grid.evaluate("grid => { grid.scrollTop = grid.scrollHeight }"),
        lambda: expect(table.row(1)).to_be_visible(),
    )
    matching = table.kernel("int((frame['name'].str.contains('Newton')).sum())")
    box = table.root.get_by_role("searchbox")
    figures["filtered, ms"] = timed_ms(lambda: box.fill("newton"), lambda: table.total(matching))
    figures["filter cleared, ms"] = timed_ms(lambda: box.fill(""), lambda: table.total(100_000))
    first_is(100_000)()

    page.evaluate(LATENCY)
    # The second query puts rows that change out of place and in, and shows the one that is timed on top.
    for label, query in (("by number", ""), ("sorted by name, filtered", "@")):
        box.fill(query)
        if query:
            table.head("Name").click()
        table.eventually(lambda: table.root.get_attribute("data-waiting"), None)
        page.evaluate("window.latencies.length = 0")
        received.clear()
        cpu = table.kernel("time.process_time()")
        # How often it is seen is up to the machine: a window is read anew as fast as that answers.
        rounds, seen = 0, []
        while len(seen) < 2:
            assert rounds < 6, "the page shows what changes"
            table.kernel("churn()", timeout_s=60)
            rounds, seen = rounds + 1, page.evaluate("window.latencies")  # lets the frames be counted, too
        lasted_s = 2.5 * rounds
        figures[f"1,000 upserts a second, {label}: kernel CPU, %"] = (
            100 * (table.kernel("time.process_time()") - cpu) / lasted_s
        )
        figures[f"1,000 upserts a second, {label}: kB/s"] = sum(received) / lasted_s / 1000
        figures[f"latency to the DOM, {label}: median, ms"] = statistics.median(seen)
        figures[f"latency to the DOM, {label}: p95, ms"] = statistics.quantiles(seen, n=20)[-1]
    for name, figure in figures.items():
        record_property(name, round(figure, 1))
    print(json.dumps({name: round(figure, 1) for name, figure in figures.items()}, indent=2))

    # Bounds that hold on a busy machine too; the report has the figures.
    assert figures["shown, ms"] < 15_000
    for name in ("sorted by name, ms", "scrolled to the end, ms", "filtered, ms"):
        assert figures[name] < 3000
    assert figures["latency to the DOM, by number: median, ms"] < 300
    assert figures["latency to the DOM, by number: p95, ms"] < 1000
