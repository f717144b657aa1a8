"""A hundred thousand tasks on the board, and how soon a change is seen. The figures go into a report."""

from __future__ import annotations

import json
import secrets
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from boards import RECORD, Board, dashboard, open_board
from browser import ROOT, Pages
from playwright.sync_api import expect

from taskq_kernel import Client, connect

if TYPE_CHECKING:
    from stacks import RunningStack  # the one beside the test folders

TASKS = 100_000
#: A queue that no worker serves: its tasks wait, and change only when the test changes them.
QUEUE = "nobody"
CHANGES_PER_S = 200
PROBES = 40

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


@pytest.fixture(scope="module")
def client(stack: RunningStack) -> Iterator[Client]:
    with connect(stack.url, token=stack.token(), timeout_s=120) as client:
        yield client
        client.delete(queue=QUEUE)


@pytest.fixture(scope="module")
def report() -> Iterator[dict[str, Any]]:
    """Figures, written to a file at the end."""
    figures: dict[str, Any] = {"tasks": TASKS}
    yield figures
    folder = ROOT / "test-results"
    folder.mkdir(exist_ok=True)
    (folder / "board-scale.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures))


def timed(board: Board, act: Callable[[], object], seen: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    seen()
    return round(time.perf_counter() - began, 3)


def test_a_hundred_thousand_tasks_are_shown_scrolled_sorted_and_filtered_and_changes_seen_soon(
    stack: RunningStack, client: Client, open_page: Pages, report: dict[str, Any]
) -> None:
    began = time.perf_counter()
    for start in range(0, TASKS, 5000):
        numbers = range(start, start + 5000)
        client.submit_many({"code": f"gap({n % 50})", "name": f"spectral gap {n:06}", "queue": QUEUE} for n in numbers)
    report["submitted_s"] = round(time.perf_counter() - began, 1)
    with dashboard(stack.env) as served:
        board = open_board(open_page, "voila", served.url)
        grid = board.table.get_by_role("grid")

        def rows(count: int) -> None:
            shown = "+document.querySelector('.tq-board [role=grid]').getAttribute('aria-rowcount')"
            board.page.wait_for_function(f"n => {shown} > n", arg=count, timeout=120_000)

        numbers = board.table.locator(".tq-body > .tq-row:not(.tq-pending) .tq-cell-number")
        first = board.table.locator(".tq-row[aria-rowindex='2'] .tq-cell-name")
        report["all_there_s"] = timed(board, lambda: None, lambda: rows(TASKS))
        report["scroll_to_end_s"] = timed(
            board,
            lambda: grid.evaluate("grid => { grid.scrollTop = grid.scrollHeight }"),
            lambda: expect(numbers.last).to_be_visible(),
        )
        grid.evaluate("grid => { grid.scrollTop = 0 }")
        report["sort_by_name_s"] = timed(
            board,
            lambda: board.table.get_by_role("columnheader", name="Name").click(),
            lambda: expect(board.table.locator("[role=columnheader][aria-sort=ascending]")).to_contain_text("Name"),
        )
        field = board.table.get_by_placeholder("Name, code, number")
        report["filter_s"] = timed(
            board, lambda: field.fill("spectral gap 0999"), lambda: expect(first).to_have_text("spectral gap 099900")
        )
        board.search("")
        board.newest_first()
        rows(TASKS)
        report |= seen_after(board, client)
    assert report["change_to_chip_median_ms"] < 300
    assert report["change_to_chip_p95_ms"] < 1000


def seen_after(board: Board, client: Client) -> dict[str, Any]:
    """Change a task in sight again and again, others all the while, and tell how soon it is seen."""
    name = f"probe {secrets.token_hex(3)}"
    probe = client.submit("1", name=name, queue=QUEUE)
    expect(board.chip(name)).to_have_text("Queueing")
    board.page.evaluate(RECORD)
    others = [task.id for task in client.tasks(queue=QUEUE, limit=2000)]
    stop, changed = threading.Event(), [0]
    thread = threading.Thread(target=_change_others, args=(client, others, stop, changed))
    thread.start()
    made: list[tuple[str, float]] = []
    began = time.time()
    try:
        for turn in range(PROBES):
            made.append(("QUEUEING" if turn % 2 else "CANCELLED", time.time() * 1000))
            client.retry(probe) if turn % 2 else client.cancel(probe)
            board.page.wait_for_function(  # two in one patch would be seen as one
                "([name, after, count]) => statuses[name].filter(([, at]) => at > after).length >= count",
                arg=[name, made[0][1], len(made)],
            )
            board.page.wait_for_timeout(19 * (turn % 7))  # at another moment of the feed's pace each time
    finally:
        stop.set()
        thread.join()
    rate = changed[0] / (time.time() - began)
    seen = [(status, at) for status, at in board.page.evaluate("window.statuses")[name] if at > made[0][1]]
    assert [status for status, _ in seen] == [status for status, _ in made], "not every change was seen"
    delays = sorted(at - asked for (_, at), (_, asked) in zip(seen, made, strict=True))
    return {
        "changes_per_s": round(rate),
        "change_to_chip_median_ms": round(statistics.median(delays)),
        "change_to_chip_p95_ms": round(delays[int(0.95 * len(delays))]),
    }


def _change_others(client: Client, ids: list[str], stop: threading.Event, changed: list[int]) -> None:
    """Cancel and retry tasks, ten at a time, two hundred a second."""
    turn, due = 0, time.monotonic()
    while not stop.is_set():
        part = [ids[(turn * 10 + i) % len(ids)] for i in range(10)]
        verb = client.cancel if (turn * 10 // len(ids)) % 2 == 0 else client.retry
        changed[0] += verb(*part)
        turn += 1
        due += 10 / CHANGES_PER_S
        time.sleep(max(0.0, due - time.monotonic()))
