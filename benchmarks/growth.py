"""How the cost of a task grows with how many there are: tasks at once, and tasks in the database.

::

    PYTHONPATH=tests .venv/bin/python benchmarks/growth.py [1000000]
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from bench_stack import bench_stack

from taskq_kernel import connect
from taskq_kernel.client.client import Client
from taskq_kernel.store import Store, upgrade

AT_ONCE = (1_000, 10_000, 100_000)
ROUND_TRIPS = 200
#: How many are at once, beside very many that are in the database.
BESIDE = 2_000


def main(seeded: int) -> None:
    """Print tasks a second and round trips, on an empty database and on one with ``seeded`` tasks."""
    with bench_stack(slots=2) as (_home, info), connect(
        info.graphql, token=Path(info.token_file).read_text("utf-8")
    ) as q:
        at_once(q, 500)  # warm
        print(f"an empty database: round trip {round_trip_ms(q):.1f} ms")
        for tasks in AT_ONCE:
            print(f"{tasks:,} at once: {at_once(q, tasks):,.0f} tasks/s")
    with bench_stack(slots=2, prepare=lambda home: fill(home, seeded)) as (_home, info), connect(
        info.graphql, token=Path(info.token_file).read_text("utf-8"), timeout_s=120
    ) as q:
        at_once(q, 500)
        print(f"{seeded:,} tasks in the database: round trip {round_trip_ms(q):.1f} ms, "
              f"{BESIDE:,} at once: {at_once(q, BESIDE):,.0f} tasks/s")  # fmt: skip


def fill(home: Path, tasks: int) -> None:
    """Write ended tasks into the task database of a stack that does not run yet."""
    from store_seed import seed

    url = f"sqlite:///{home / 'tasks.db'}"
    upgrade(url)
    store = Store(url)
    seed(store, tasks)
    store.close()


def at_once(q: Client, tasks: int) -> float:
    """So many no-ops through a definition: tasks a second."""
    echo = q.define("echo(x) = x")
    began = time.perf_counter()
    assert echo.map(range(tasks)).results(timeout=600) == list(range(tasks))
    return tasks / (time.perf_counter() - began)


def round_trip_ms(q: Client) -> float:
    """The median of round trips, one after another."""
    echo = q.define("echo(x) = x")
    times = []
    for x in range(ROUND_TRIPS):
        began = time.perf_counter()
        assert echo(x).result(timeout=60) == x
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
