"""How soon a browser shows a change among a thousand a second, and what each part computes for that.

::

    PYTHONPATH=tests:tests/acceptance:widgets .venv/bin/python benchmarks/stream.py [--rate 1000] [--tasks 100000]

A dashboard's board shows the newest of very many tasks. Others change all the while: any of them, those in sight, or
those far below; and one in sight is changed again and again, and timed until its row says so. It ends with exit code 1
where 95 % of these are not seen within 250 ms, the service, the kernel or the browser take half a core or more, or
the machine does not come to as many changes.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench_stack import bench_stack
from boards import Board, dashboard, open_board
from browser import launch, pages_in
from change_seen import LIMITED, MOST_CORES, MOST_P95_MS, Delays, parts_of, seen_after
from change_stream import Stream, running
from machine import state
from playwright.sync_api import sync_playwright

from taskq_kernel import Client, connect

#: A queue that no worker serves: its tasks wait, and change only when they are changed.
QUEUE = "nobody"
QUIET_S = 8.0


def tell(what: str, rate: float, delays: Delays | None, cores: dict[str, float]) -> bool:
    """Print a line; whether the delays and what the parts take keep to the limits."""
    times = f"{delays.median_ms:4} ms  {delays.p95_ms:4} ms" if delays else f"{'':16}"
    print(f"{what:34} {rate:5.0f}/s  {times}  "
          + "  ".join(f"{part} {share:.2f}" for part, share in cores.items()), flush=True)  # fmt: skip
    return delays is None or (delays.p95_ms <= MOST_P95_MS and all(cores[part] < MOST_CORES for part in LIMITED))


def main() -> int:
    """Print a line for each kind of change: rate, median and p95 of the delay, and cores by part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=1000, help="changes a second")
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--probes", type=int, default=60, help="changes that are timed, of each kind")
    parser.add_argument("--only", default="", help="kinds with this in their name alone")
    given = parser.parse_args()
    print(f"Before: {state()}", flush=True)
    kept = True
    with ExitStack() as ends:
        home, info = ends.enter_context(bench_stack(slots=1))
        token = Path(info.token_file).read_text("utf-8")
        tokens = {"status": token, "progress": (home / "tokens" / "worker.token").read_text("utf-8").strip()}
        client = ends.enter_context(connect(info.graphql, token=token, timeout_s=120))
        ids = submit(client, given.tasks)
        draw = random.Random(7)  # noqa: S311  (the same ones each time)
        probe = client.submit("1", name=f"probe {secrets.token_hex(3)}", queue=QUEUE)
        kinds = {
            "any of them": Stream(draw.sample(ids, 2000), given.rate),
            "out of sight": Stream(ids[:2000], given.rate),
            "in sight": Stream(ids[-30:], given.rate),
            "in sight, their progress": Stream(ids[-30:] + ids[:220], given.rate, "progress"),
        }
        alone = parts_of(home)
        with alone.measured() as cores:
            time.sleep(QUIET_S)
        tell("no board, nothing changes", 0, None, cores)
        for name, stream in kinds.items():
            if given.only in name:
                with running(stream, info.graphql, tokens[stream.kind]) as made, alone.measured() as cores:
                    time.sleep(QUIET_S)
                tell(f"no board, {name}", made.per_second, None, cores)
        board, served = ends.enter_context(board_of(home))
        parts = parts_of(home, served)
        with parts.measured() as cores:
            board.page.wait_for_timeout(1000 * QUIET_S)
        tell("nothing changes", 0, None, cores)
        with parts.measured() as cores:
            delays = seen_after(board, client, probe, given.probes)
        kept &= tell("one alone", 0, delays, cores)
        for name, stream in kinds.items():
            if given.only in name:
                with running(stream, info.graphql, tokens[stream.kind]) as made, parts.measured() as cores:
                    delays = seen_after(board, client, probe, given.probes)
                kept &= tell(name, made.per_second, delays, cores) and made.per_second > 0.9 * given.rate
    print(f"After: {state()}")
    return int(not kept)


def submit(client: Client, count: int) -> list[str]:
    """So many tasks that wait, the oldest first."""
    ids: list[str] = []
    for start in range(0, count, 5000):
        made = client.submit_many(
            {"code": f"gap({n % 50})", "name": f"spectral gap {n:06}", "queue": QUEUE}
            for n in range(start, min(start + 5000, count))
        )
        ids += [task.id for task in made]
    while client.statistics().outbox_length:
        time.sleep(0.2)  # until the service has handed over what was submitted, it has that to do as well
    return ids


@contextmanager
def board_of(home: Path) -> Iterator[tuple[Board, int]]:
    """A board on a page, and the process of the dashboard."""
    with dashboard(dict(os.environ) | {"TASKQ_HOME": str(home)}) as served, sync_playwright() as playwright:
        browser = launch(playwright)
        with pages_in(browser) as pages:
            board = open_board(pages, "voila", served.url)
            board.newest_first()
            yield board, served.process.pid
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
