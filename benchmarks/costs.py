"""Processor time of each part for a lone round trip, a task in bulk and one of a sweep, and how often what was done.

On a machine that does other things as well, times from the wall say little; these say more.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from bench_stack import bench_stack
from processor_time import below_s, own_s
from short_calls import CALLS, WAITING, sweep_s, warm
from stack_counts import Counts, count

from taskq_kernel import connect
from taskq_kernel.client.client import Client
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings

SLOTS = 2
ROUND_TRIPS = 100
BULK = 2000
SWEEPS = 3
#: How long the stack is watched doing nothing: that much is in every figure, and is taken out.
IDLE_S = 4.0


def main() -> None:
    """Print milliseconds of processor time a task by role, and counts per 1,000 tasks."""
    with bench_stack(slots=SLOTS) as (home, info):
        processes = LocalStack(load_settings(home=home)).status()["processes"]
        roles = {one["role"]: psutil.Process(one["pid"]) for one in processes if one["role"] != "keeper"}
        with connect(info.graphql, token=Path(info.token_file).read_text("utf-8")) as q:
            bulk(q)  # warm
            warm(q, WAITING, SLOTS)
            before, began = spent(roles), time.perf_counter()
            time.sleep(IDLE_S)
            idle = {role: (seconds - before[role]) / (time.perf_counter() - began) for role, seconds in
                    spent(roles).items()}  # fmt: skip
            kinds = (
                ("round trip", round_trips, ROUND_TRIPS), ("bulk", bulk, BULK),
                ("sweep of 5 ms", sweeps, SWEEPS * CALLS),
            )  # fmt: skip
            for name, act, tasks in kinds:
                with count(home) as counts:
                    times, took = measured(roles, idle, lambda act=act: act(q))
                report(name, tasks, times, took, counts)


def round_trips(q: Client) -> None:
    """One no-op after another."""
    for _ in range(ROUND_TRIPS):
        q.submit("nothing").result(timeout=60)


def bulk(q: Client) -> None:
    """Many no-ops at once."""
    q.submit_many(["nothing"] * BULK).wait(timeout=300)


def sweeps(q: Client) -> None:
    """Sweeps of calls that take 5 ms, and no processor time of their own."""
    for _ in range(SWEEPS):
        sweep_s(q, WAITING)


def measured(
    roles: dict[str, psutil.Process], idle: dict[str, float], act: Callable[[], None]
) -> tuple[dict[str, float], float]:
    """Processor time by role, without what the stack takes when it is idle, and seconds from the wall."""
    before, began = spent(roles), time.perf_counter()
    act()
    after, took = spent(roles), time.perf_counter() - began
    return {role: max(0.0, after[role] - before[role] - idle[role] * took) for role in after}, took


def spent(roles: dict[str, psutil.Process]) -> dict[str, float]:
    """Processor time by role so far, in seconds; Julia's processes are a role of their own."""
    found = {"client": sum(os.times()[:2])}
    for role, process in roles.items():
        found[role] = own_s(process)
        if role == "worker":
            found["julia"] = below_s(process)
        else:
            found[role] += below_s(process)
    return found


def report(name: str, tasks: int, times: dict[str, float], took: float, counts: Counts) -> None:
    """Print one line of times and one of counts; as JSON with ``--json``."""
    each = {role: round(seconds / tasks * 1e3, 3) for role, seconds in times.items()}
    per_1000 = {what: round(number / tasks * 1e3) for what, number in dataclasses.asdict(counts).items()}
    total = round(sum(each.values()), 2)
    if "--json" in sys.argv:
        print(json.dumps({"what": name, "cpu_ms": each, "total_ms": total, "per_1000": per_1000}), flush=True)
        return
    print(f"{name}: {total} ms of processor time a task ({took / tasks * 1e3:.1f} ms from the wall): "
          + ", ".join(f"{role} {ms}" for role, ms in each.items()), flush=True)  # fmt: skip
    print("  per 1,000 tasks: " + ", ".join(f"{what} {number}" for what, number in per_1000.items()), flush=True)


if __name__ == "__main__":
    main()
