"""How long pages and figures of a task database with very many tasks take.

::

    PYTHONPATH=tests .venv/bin/python benchmarks/lists.py 1000000 [postgresql [WHICH QUESTIONS]]
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from postgres_fixture import postgres_server
from store_seed import BATCH, START, seed

from taskq_kernel.argument_conditions import ArgumentCondition, Comparison
from taskq_kernel.domain import TaskStatus
from taskq_kernel.store import Store, upgrade
from taskq_kernel.store.argument_order import MOST_SORTED, ArgumentOrder
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.pages import Order, read_page
from taskq_kernel.store.statistics import read_statistics
from taskq_kernel.store.window import Window

ROUNDS = 5
NOTHING: frozenset[str] = frozenset()
COUNT = frozenset({"totalCount"})


def questions(count: int) -> dict[str, Callable[[Store], object]]:
    """What a board asks, by name."""

    def page(
        task_filter: TaskFilter, *orders: Order | ArgumentOrder, wants: frozenset[str] = NOTHING
    ) -> Callable[[Store], object]:
        return lambda store: store.read(read_page, task_filter, orders, Window(first=50), wants)

    newest = Order("NUMBER", descending=True)
    everything = TaskFilter()
    made: dict[str, Callable[[Store], object]] = {
        "newest": page(everything, newest),
        "newest, with the total": page(everything, newest, wants=COUNT),
    }
    for status in (TaskStatus.FINISHED, TaskStatus.FAILED, TaskStatus.RUNNING, TaskStatus.QUEUEING):
        for field in ("CREATED_AT", "STARTED_AT", "FINISHED_AT", "SECONDS"):
            made[f"{status} by {field} desc"] = page(TaskFilter(status=[status]), Order(field, descending=True))
    several = TaskFilter(status=[TaskStatus.FAILED, TaskStatus.CANCELLED])
    none = TaskFilter(name="no such name")
    made |= {
        "FAILED and CANCELLED by FINISHED_AT desc": page(several, Order("FINISHED_AT", descending=True)),
        "FINISHED, with the total": page(TaskFilter(status=[TaskStatus.FINISHED]), newest, wants=COUNT),
        "name without a hit by SECONDS": page(none, Order("SECONDS")),
        "search without a hit by SECONDS": page(TaskFilter(search="no such text"), Order("SECONDS")),
        "search without a hit, newest": page(TaskFilter(search="no such text"), newest),
        "name with very many hits by SECONDS": page(TaskFilter(name="n=1"), Order("SECONDS")),
        "name with few hits by SECONDS": page(TaskFilter(name="n=996 beta=12"), Order("SECONDS")),
        "search in the code, newest": page(TaskFilter(search="model(17)"), newest),
        "a queue by CREATED_AT": page(TaskFilter(queue="gpu"), Order("CREATED_AT")),
        "the large queue by CREATED_AT desc": page(TaskFilter(queue="default"), Order("CREATED_AT", descending=True)),
        "a queue by SECONDS desc": page(TaskFilter(queue="gpu"), Order("SECONDS", descending=True)),
        "an owner by FINISHED_AT desc": page(TaskFilter(owner="user3"), Order("FINISHED_AT", descending=True)),
        "the largest owner by FINISHED_AT desc": page(TaskFilter(owner="admin"), Order("FINISHED_AT", descending=True)),
        "an owner's FAILED, newest": page(TaskFilter(owner="user3", status=[TaskStatus.FAILED]), newest),
        "a batch by SECONDS, with the total": page(
            TaskFilter(batch=f"00000000-0000-0000-0000-{count // BATCH // 2:012x}"), Order("SECONDS"), wants=COUNT
        ),
        "a worker, newest": page(TaskFilter(worker="w1"), newest),
        "finished in an hour, by NAME": page(
            TaskFilter(finished_after=START + count * 5, finished_before=START + count * 5 + 3600), Order("NAME")
        ),
        "by OWNER": page(everything, Order("OWNER")),
        "statistics": lambda store: store.read(read_statistics, START + count * 10),
        "statistics of one owner": lambda store: store.read(read_statistics, START + count * 10, "user3"),
        "statistics of the largest owner": lambda store: store.read(read_statistics, START + count * 10, "admin"),
    }
    return made | {
        f"{what}, {name}": page(
            TaskFilter(arguments=[ArgumentCondition(*one) for one in conditions], **others), order, wants=wants
        )
        for what, conditions, others in by_arguments(count)
        for name, order, wants in (
            ("newest", newest, NOTHING), ("with the total", newest, COUNT), ("by n", ArgumentOrder("n"), NOTHING)
        )
    }


def by_arguments(count: int) -> list[tuple[str, list[tuple[str, Comparison, object]], dict[str, Any]]]:
    """Filters by arguments: one task in 997 has each ``n``, one in 13 each ``beta``."""
    batch = f"00000000-0000-0000-0000-{count // BATCH // 2:012x}"
    number = ("n", Comparison.EQ, 200)
    return [
        ("n=200", [number], {}),
        ("n=5000, which none has", [("n", Comparison.EQ, 5000)], {}),
        ("beta>0.5 n>=950", [("beta", Comparison.GT, 0.5), ("n", Comparison.GE, 950)], {}),
        ("n=200 in a batch", [number], {"batch": batch}),
        ("all of a batch", [], {"batch": batch}),
        *([("everything", [], {})] if count <= MOST_SORTED else []),
        ("n=200 of an owner", [number], {"owner": "user3"}),
    ]


def main(count: int, database: str, part: str) -> None:
    """Print the median of each question whose name this regular expression is found in, in milliseconds."""
    with ExitStack() as stack:
        if database == "postgresql":
            url = stack.enter_context(postgres_server())
        else:
            url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/tasks.db"
        upgrade(url)
        store = Store(url)
        stack.callback(store.close)
        began = time.perf_counter()
        seed(store, count)
        print(f"{database}: {count} tasks, seeded in {time.perf_counter() - began:.0f} s")
        for name, ask in questions(count).items():
            if not re.search(part, name):
                continue
            ask(store)
            took = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                ask(store)
                took.append((time.perf_counter() - began) * 1e3)
            print(f"{statistics.median(took):9.1f} ms  {name}", flush=True)


if __name__ == "__main__":
    _, *given = [*sys.argv, *["200000", "sqlite", ""][len(sys.argv) - 1 :]]
    main(int(given[0]), given[1], given[2])
