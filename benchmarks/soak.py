"""Ten minutes of work on a database of a million tasks: what the memory of each part comes to, and whether it grows.

::

    PYTHONPATH=tests .venv/bin/python benchmarks/soak.py [--minutes 10] [--tasks 1000000]

It ends with exit code 1 where a part takes more memory than promised, or more at the end than in the middle.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import threading
import time
from pathlib import Path

import psutil
from bench_stack import bench_stack
from growth import fill
from machine import state

from taskq_kernel import connect
from taskq_kernel.client.client import Client
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings

#: What each part may take at most, in megabytes; and how much more in the last third of the time than in the second.
LIMITS_MB = {"worker": 80, "service": 150, "sink": 100}
GROWTH = 1.05
SAMPLE_S = 2.0


def main() -> int:
    """Print each part's memory by thirds of the time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    given = parser.parse_args()
    print(f"Before: {state()}", flush=True)
    with bench_stack(slots=2, prepare=lambda home: fill(home, given.tasks)) as (home, info), connect(
        info.graphql, token=Path(info.token_file).read_text("utf-8"), timeout_s=120
    ) as q:
        processes = LocalStack(load_settings(home=home)).status()["processes"]
        parts = {one["role"]: psutil.Process(one["pid"]) for one in processes if one["role"] in LIMITS_MB}
        over = threading.Event()
        work = [threading.Thread(target=act, args=(q, over)) for act in (batches, one_by_one, looks)]
        for thread in work:
            thread.start()
        samples = watch(parts, given.minutes * 60, work)
        over.set()
        for thread in work:
            thread.join()

    print(f"After: {state()}")
    return report(samples)


def watch(
    parts: dict[str, psutil.Process], seconds: float, work: list[threading.Thread]
) -> dict[str, list[float]]:
    """Resident memory of each part, every few seconds, in megabytes."""
    samples: dict[str, list[float]] = {role: [] for role in parts}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(SAMPLE_S)
        assert all(thread.is_alive() for thread in work), "the work ended early: see above"
        for role, process in parts.items():
            samples[role].append(process.memory_info().rss / 1e6)
    return samples


def batches(q: Client, over: threading.Event) -> None:
    """A sweep of short calls, every second; each brings back what it was given."""
    echo = q.define("echo(x) = x")
    while not over.wait(1):
        assert echo.map(range(200)).results(timeout=120) == list(range(200))


def one_by_one(q: Client, over: threading.Event) -> None:
    """Scripts, each another text, some of which fail, print, or give a value of a hundred kilobytes."""
    codes = ("{0} + 1", 'error("no {0}")', 'for i in 1:100; println("line ", i, " of {0}"); end', "rand(12_000) .+ {0}")
    for number in itertools.count():
        if over.wait(0.05):
            return
        q.submit(codes[number % len(codes)].format(number)).wait(timeout=120)


def looks(q: Client, over: threading.Event) -> None:
    """What a table does: pages and counts of the newest tasks."""
    while not over.wait(2):
        q.tasks(status="FAILED", limit=50)
        q.frame(limit=200)


def report(samples: dict[str, list[float]]) -> int:
    """Print a line for each part; 1 where one is over its limit."""
    bad = 0
    for role, values in samples.items():
        third = len(values) // 3
        first, second, last = (statistics.median(values[at * third : (at + 1) * third]) for at in range(3))
        kept = max(values) <= LIMITS_MB[role] and last <= second * GROWTH
        bad |= not kept
        print(f"{role:8} {first:6.1f} {second:6.1f} {last:6.1f} MB in the thirds, at most {max(values):.1f} "
              f"(limit {LIMITS_MB[role]}): {'kept' if kept else 'NOT KEPT'}")  # fmt: skip
    return bad


if __name__ == "__main__":
    sys.exit(main())
