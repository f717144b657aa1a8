"""How soon a browser shows a change among many others, and what some processes compute meanwhile."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from boards import Board
from playwright.sync_api import expect

from taskq_kernel import Client
from taskq_kernel.client.task import Task
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings

#: What has to be kept with a thousand changes a second: the delay of 95 %, and the cores of each of these parts.
MOST_P95_MS = 250
MOST_CORES = 0.5
LIMITED = ("service", "kernel", "browser")

#: A probe waits so long after it was seen, by turns: at another moment of the feed's pace each time.
PAUSES_MS = tuple(19 * turn for turn in range(7))

#: Keeps in `window.seen` each status that the row of a task shows, and when; it looks at that row alone.
WATCH = """id => {
  window.seen = [];
  const look = () => {
    const chip = document.querySelector(`.tq-body > .tq-row[data-id="${id}"] .tq-cell-status .tq-status`);
    const status = chip?.dataset.status;
    if (status && window.seen.at(-1)?.[0] !== status) window.seen.push([status, Date.now()]);
  };
  window.watcher?.disconnect();
  window.watcher = new MutationObserver(look);
  window.watcher.observe(document.querySelector('.tq-body'), {subtree: true, childList: true, attributes: true});
  look();
}"""


@dataclass
class Delays:
    """How long it took until changes were seen, in milliseconds, in order."""

    all_ms: list[float] = field(default_factory=list)

    @property
    def median_ms(self) -> int:
        return round(statistics.median(self.all_ms))

    @property
    def p95_ms(self) -> int:
        return round(self.all_ms[int(0.95 * len(self.all_ms))])


def seen_after(board: Board, client: Client, probe: Task, count: int) -> Delays:
    """Change a task in sight so often, one change when the last is seen, and tell how soon each is a chip on the page.

    It waits before, and after an even number of changes. Time runs from before the request that makes the change.
    """
    name = probe.name
    expect(board.chip(name)).to_have_text("Queueing")
    board.page.evaluate(WATCH, probe.id)
    made: list[tuple[str, float]] = [("QUEUEING", 0.0)]
    for turn in range(count):
        made.append(("QUEUEING" if turn % 2 else "CANCELLED", time.time() * 1000))
        client.retry(probe) if turn % 2 else client.cancel(probe)
        board.page.wait_for_function("count => seen.length >= count", arg=len(made), polling=20)
        board.page.wait_for_timeout(PAUSES_MS[turn % len(PAUSES_MS)])
    seen = board.page.evaluate("seen")
    assert [status for status, _ in seen] == [status for status, _ in made], "not every change was seen"
    return Delays(sorted(at - asked for (_, at), (_, asked) in zip(seen[1:], made[1:], strict=True)))


@dataclass(frozen=True)
class Parts:
    """The processes of each part, to tell what they compute."""

    processes: dict[str, list[psutil.Process]]

    @contextmanager
    def measured(self) -> Iterator[dict[str, float]]:
        """Cores that each part takes while the block runs: they are in the dictionary after it."""
        cores: dict[str, float] = {}
        before, began = self._spent(), time.perf_counter()
        yield cores
        took = time.perf_counter() - began
        cores.update({part: (spent - before[part]) / took for part, spent in self._spent().items()})

    def _spent(self) -> dict[str, float]:
        return {part: sum(map(processor_time, processes)) for part, processes in self.processes.items()}


def parts_of(home: Path, dashboard_pid: int | None = None) -> Parts:
    """The parts of a local stack, a dashboard and the browsers of this process, as they run now."""
    found: dict[str, list[psutil.Process]] = {"service": [], "kernel": [], "browser": browser_processes(), "voila": []}
    for one in LocalStack(load_settings(home=home)).status()["processes"]:
        if one["role"] in ("service", "broker"):
            process = psutil.Process(one["pid"])
            found[one["role"]] = [process, *process.children(recursive=True)]
    if dashboard_pid is not None:
        found["voila"] = [psutil.Process(dashboard_pid)]
        found["kernel"] = found["voila"][0].children(recursive=True)
    return Parts(found)


def browser_processes() -> list[psutil.Process]:
    """All processes of the browsers that this process has started."""
    return [one for one in psutil.Process().children(recursive=True) if "chrom" in one.name()]


def processor_time(process: psutil.Process) -> float:
    """What a process has computed so far, in seconds; nothing where it has ended."""
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:2]))
    return 0.0
